// ADD, CHECK and DEL of one host's pods, with packets between them.

import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { CniLab, WEFT_CONFIG } from './cni-lab.ts'

const signal = new AbortController().signal

test('pods reach each other, the gateway and themselves right after ADD, over both families (28)', async t => {
  await using lab = await CniLab.open()
  const [a, b] = [await lab.addPod(), await lab.addPod()]
  const first = await lab.add({ id: 'a', netns: a.netns })
  t.true(await a.ping('10.88.1.1'))
  t.true(await a.ping('fd88:1::1'))
  const second = await lab.add({ id: 'b', netns: b.netns })
  t.deepEqual(first.ips.map((ip: any) => ip.address), ['10.88.1.2/24', 'fd88:1::2/64'])
  t.deepEqual(second.ips.map((ip: any) => ip.address), ['10.88.1.3/24', 'fd88:1::3/64'])
  const server = await b.echo({ family: 6 })
  t.is((await a.tcp('10.88.1.3', server.port)).clientAddress, '10.88.1.2')
  t.is((await a.tcp('fd88:1::3', server.port)).clientAddress, 'fd88:1::2')
  t.is((await b.rtnl.links.get('eth0', { signal }))?.mtu, 1450)
  await lab.settled(2)
  await lab.del({ id: 'a', netns: a.netns })
  await lab.del({ id: 'b', netns: b.netns })
  await lab.settled(0)
})

test('requests are counted by verb and answer', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  await lab.call('ADD', { id: 'a', netns: pod.netns })
  lab.agent!.kill('SIGUSR2')
  const { metrics } = await eventually(() => (lab.log.find(line => line['msg'] === 'metrics') as { metrics: string } | undefined) ?? false)
  for (const line of ['weft_cni_requests_total{verb="ADD",code="0"} 1', 'weft_cni_requests_total{verb="ADD",code="112"} 1', 'weft_cni_attachments 1', 'weft_cni_requests_in_flight 0', 'weft_cni_request_seconds_count{verb="ADD"} 2']) {
    t.true(metrics.includes(line), line)
  }
})

test('a second ADD of a live attachment is refused and the first keeps working (31)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  const again = await lab.call('ADD', { id: 'a', netns: pod.netns })
  t.is(again.json.code, 112)
  const other = await lab.call('ADD', { id: 'b', netns: pod.netns })
  t.is(other.json.code, 113)
  t.true(await pod.ping('10.88.1.1'))
  await lab.settled(1)
})

test('two interfaces of one container live apart (32)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns })
  const net1 = { ...WEFT_CONFIG, name: 'second', bridge: 'br1', ipam: { type: 'weft-cni', ranges: [[{ subnet: '10.99.0.0/24' }]] }, isDefaultGateway: false, isGateway: true }
  await lab.add({ id: 'a', netns: pod.netns, ifname: 'net1', config: net1 })
  await lab.settled(2)
  t.true(await pod.ping('10.99.0.1'))
  await lab.del({ id: 'a', netns: pod.netns, ifname: 'eth0' })
  await lab.settled(1)
  t.true(await pod.ping('10.99.0.1'))
  await lab.del({ id: 'a', netns: pod.netns, ifname: 'net1', config: net1 })
  await lab.settled(0)
})

test('CHECK agrees after ADD and names the first difference (19)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const result = await lab.add({ id: 'a', netns: pod.netns })
  const call = { id: 'a', netns: pod.netns, config: { ...WEFT_CONFIG, prevResult: result } }
  t.is((await lab.call('CHECK', call)).exitCode, 0)
  await pod.exec(['ip', 'route', 'del', 'default'])
  const routeless = await lab.call('CHECK', call)
  t.is(routeless.json.code, 117)
  t.regex(routeless.json.msg, /routes: expected 0\.0\.0\.0\/0, found none/)
  await pod.exec(['ip', 'route', 'add', 'default', 'via', '10.88.1.1'])
  await pod.exec(['ip', 'addr', 'del', '10.88.1.2/24', 'dev', 'eth0'])
  t.regex((await lab.call('CHECK', call)).json.msg, /addresses of eth0: expected 10\.88\.1\.2\/24/)
  await pod.exec(['ip', 'addr', 'add', '10.88.1.2/24', 'dev', 'eth0'])
  await pod.exec(['ip', 'route', 'replace', 'default', 'via', '10.88.1.1'])
  t.regex((await lab.call('CHECK', call)).json.msg, /routes: expected 10\.88\.0\.0\/16/)
  await pod.exec(['ip', 'route', 'add', '10.88.0.0/16', 'via', '10.88.1.1'])
  t.is((await lab.call('CHECK', call)).exitCode, 0)
  await pod.exec(['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'])
  t.regex((await lab.call('CHECK', call)).json.msg, /MAC of eth0/)
  t.is((await lab.call('CHECK', { ...call, id: 'unknown' })).json.code, 3)
})

test('DEL succeeds whatever the namespace has become, and touches nothing foreign (48)', async t => {
  await using lab = await CniLab.open()
  const other = await lab.addPod()
  await lab.add({ id: 'other', netns: other.netns })
  for (const [id, netns] of [['empty', ''], ['missing', '/run/netns/there-is-none'], ['file', '/etc/hostname'], ['folder', '/tmp'], ['host', lab.host.netns], ['swapped', other.netns]] as const) {
    const pod = await lab.addPod()
    await lab.add({ id, netns: pod.netns })
    await lab.del({ id, netns })
    await lab.settled(1)
    await lab.del({ id, netns })
  }
  t.true(await other.ping('10.88.1.1'))
  t.is((await lab.call('ADD', { id: 'x', netns: lab.host.netns })).json.code, 8)
  t.is((await lab.call('ADD', { id: 'x', netns: '/etc/hostname' })).json.code, 8)
  await lab.settled(1)
})

test('an exhausted pool is 110 and STATUS 50 until one pod goes; a /29 gives the last address last (36)', async t => {
  await using lab = await CniLab.open({ lease: { subnets: ['10.88.1.0/29'], mtu: 1450, clusterCidrs: [] } })
  const status = (): ReturnType<CniLab['call']> => lab.call('STATUS', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0' } })
  const pods = await Promise.all([1, 2, 3, 4, 5, 6].map(() => lab.addPod()))
  for (const [index, pod] of pods.slice(0, 5).entries()) t.is((await lab.add({ id: `p${index}`, netns: pod.netns })).ips[0].address, `10.88.1.${index + 2}/29`)
  const refused = await lab.call('ADD', { id: 'p5', netns: pods[5]!.netns })
  t.is(refused.json.code, 110)
  t.regex(refused.json.msg, /no IP addresses available in range set/)
  t.is((await status()).json.code, 50)
  await lab.del({ id: 'p2', netns: pods[2]!.netns })
  await lab.settled(4)
  t.is((await status()).exitCode, 0)
  t.is((await lab.add({ id: 'p5', netns: pods[5]!.netns })).ips[0].address, '10.88.1.4/29')
})

test('GC removes what the list lacks, and nothing when there is no list (9)', async t => {
  await using lab = await CniLab.open()
  for (const id of ['a', 'b', 'c']) await lab.add({ id, netns: (await lab.addPod()).netns })
  const gc = (list: Record<string, unknown>): ReturnType<CniLab['call']> => lab.call('GC', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0', ...list } })
  t.is((await gc({})).exitCode, 0)
  await lab.settled(3)
  t.is((await gc({ 'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }, { containerID: 'b', ifname: 'eth0' }, { containerID: 'nobody', ifname: 'eth0' }] })).exitCode, 0)
  await lab.settled(2)
  t.is((await gc({ 'cni.dev/attachments': [{ containerID: 'a', ifname: 'eth0' }] })).exitCode, 0)
  await lab.settled(1)
  t.is((await gc({ 'cni.dev/valid-attachments': null })).exitCode, 0)
  await lab.settled(0)
})
