// Pods kept apart on one bridge: VLANs, isolated ports, and MACs that pods may not borrow. Judged by who hears whom.

import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { missingBridgeVlans } from '../../lab/kernel-features.ts'
import { CniLab, WEFT_CONFIG } from './cni-lab.ts'

/** By its full path: npm puts a program of the same name, of a package that we depend on, in front. */
const NFT = '/usr/sbin/nft'
const signal = new AbortController().signal
/** Long enough for an answer that comes, short enough to wait for one that must not. */
const SHORT = { timeoutMs: 400 }

const missing = await missingBridgeVlans()
const vlan = missing === undefined ? test : test.skip
const without = missing === undefined ? test.skip : test
if (missing !== undefined) test('VLANs on bridges', t => t.pass(missing))

const inVlan = (id: number | undefined, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({ ...WEFT_CONFIG, bridge: 'br-vlan', ...(id !== undefined && { vlan: id }), ...more })

vlan('pods of one VLAN reach each other and their gateway, pods of another do not, and a trunk reaches what it tags (14)', async t => {
  await using lab = await CniLab.open()
  const [a, b, other, trunk] = [await lab.addPod(), await lab.addPod(), await lab.addPod(), await lab.addPod()]
  const first = await lab.add({ id: 'a', netns: a.netns, config: inVlan(100) })
  t.is(first.interfaces[3].name, 'br-vlan.100')
  t.is((await lab.host.rtnl.links.get('br-vlan.100', { signal }))?.mac, first.interfaces[3].mac)
  await lab.add({ id: 'b', netns: b.netns, config: inVlan(100) })
  await lab.add({ id: 'other', netns: other.netns, config: inVlan(200, { isGateway: false, isDefaultGateway: false }) })
  await lab.add({ id: 'trunk', netns: trunk.netns, config: inVlan(undefined, { vlanTrunk: [{ id: 200 }, { minID: 100, maxID: 102 }], isGateway: false, isDefaultGateway: false }) })
  t.true(await a.ping('10.88.1.1'), 'the gateway')
  t.true(await a.ping('fd88:1::3'))
  t.true(await a.ping('10.88.1.3'))
  t.false(await other.ping('10.88.1.2', SHORT), 'another VLAN')
  t.false(await a.ping('10.88.1.4', SHORT))
  t.false(await trunk.ping('10.88.1.2', SHORT), 'a trunk sends untagged frames into its native VLAN only')
  await trunk.exec(['ip', 'addr', 'flush', 'dev', 'eth0'])
  await trunk.exec(['ip', 'link', 'add', 'link', 'eth0', 'name', 'eth0.100', 'type', 'vlan', 'id', '100'])
  await trunk.exec(['ip', 'addr', 'add', '10.88.1.5/24', 'dev', 'eth0.100'])
  await trunk.exec(['ip', 'link', 'set', 'eth0.100', 'up'])
  await eventually(() => trunk.ping('10.88.1.2', SHORT))
  await trunk.exec(['ip', 'link', 'set', 'eth0.100', 'down'])

  const check = { id: 'a', netns: a.netns, config: { ...inVlan(100), prevResult: first } }
  t.is((await lab.call('CHECK', check)).exitCode, 0)
  await lab.host.exec(['bridge', 'vlan', 'add', 'vid', '200', 'dev', first.interfaces[1].name])
  t.regex((await lab.call('CHECK', check)).json.msg, /VLANs of veth/)
  await lab.host.exec(['bridge', 'vlan', 'del', 'vid', '200', 'dev', first.interfaces[1].name])
  await lab.host.exec(['ip', 'link', 'del', 'br-vlan'])
  await eventually(async () => (await a.ping('10.88.1.3', SHORT)) && (await a.ping('10.88.1.1', SHORT)), { timeoutMs: 8000 })
  t.false(await other.ping('10.88.1.2', SHORT), 'a bridge that was made anew keeps them apart too')
  for (const [id, pod] of [['a', a], ['b', b], ['other', other], ['trunk', trunk]] as const) await lab.del({ id, netns: pod.netns })
  await lab.settled(0)
})

vlan('a bridge that was there and kept no VLANs apart does so from then on; pods without a VLAN stay reachable', async t => {
  await using lab = await CniLab.open()
  const [plain, tagged] = [await lab.addPod(), await lab.addPod()]
  await lab.add({ id: 'plain', netns: plain.netns, config: inVlan(undefined) })
  await lab.add({ id: 'tagged', netns: tagged.netns, config: inVlan(7, { isGateway: false, isDefaultGateway: false }) })
  t.true(await plain.ping('10.88.1.1'))
  t.false(await tagged.ping('10.88.1.2', SHORT))
})

without('a kernel without VLANs on bridges says so, and nothing is left (11)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const refused = await lab.call('ADD', { id: 'a', netns: pod.netns, config: inVlan(100) })
  t.is(refused.json.code, 116)
  t.regex(refused.json.msg, /VLAN/)
  await lab.settled(0)
})

test('a pod sends with the MAC it was given, and with no other (macspoofchk)', async t => {
  await using lab = await CniLab.open()
  const [pod, neighbour] = [await lab.addPod(), await lab.addPod()]
  const config = { ...WEFT_CONFIG, macspoofchk: true }
  const result = await lab.add({ id: 'a', netns: pod.netns, config })
  await lab.add({ id: 'b', netns: neighbour.netns })
  const { mac } = result.interfaces[2]
  const wear = (address: string): Promise<unknown> => pod.exec(['ip', 'link', 'set', 'eth0', 'address', address])
  t.true(await pod.ping('10.88.1.3'))
  await wear('02:00:00:00:00:99')
  t.false(await pod.ping('10.88.1.3', SHORT), 'another MAC')
  t.false(await pod.ping('10.88.1.1', SHORT))
  await wear(mac)
  t.true(await pod.ping('10.88.1.3'))
  const check = { id: 'a', netns: pod.netns, config: { ...config, prevResult: result } }
  t.is((await lab.call('CHECK', check)).exitCode, 0)
  await lab.host.exec([NFT, 'flush', 'chain', 'bridge', 'weft-cni', 'prerouting'])
  await wear('02:00:00:00:00:99')
  await eventually(async () => !(await pod.ping('10.88.1.1', SHORT)), { timeoutMs: 5000 })
  await wear(mac)
  await eventually(() => pod.ping('10.88.1.3', SHORT))
  await lab.stop('SIGKILL')
  await lab.start()
  await wear('02:00:00:00:00:99')
  t.false(await pod.ping('10.88.1.1', SHORT), 'a restart of the agent loosens nothing')
  await lab.del({ id: 'a', netns: pod.netns })
  await lab.settled(1)
  await eventually(async () => ((await lab.host.exec([NFT, 'list', 'tables'])).stdout.includes('bridge weft-cni') ? 'the table is still there' : true))
})

test('isolated ports reach the gateway and other ports, but not each other (portIsolation)', async t => {
  await using lab = await CniLab.open()
  const [a, b, open] = [await lab.addPod(), await lab.addPod(), await lab.addPod()]
  for (const [id, pod] of [['a', a], ['b', b]] as const) await lab.add({ id, netns: pod.netns, config: { ...WEFT_CONFIG, portIsolation: true } })
  await lab.add({ id: 'open', netns: open.netns })
  t.true(await a.ping('10.88.1.1'))
  t.true(await a.ping('10.88.1.4'))
  t.true(await open.ping('10.88.1.3'))
  t.false(await a.ping('10.88.1.3', SHORT))
})

test('a promiscuous bridge is one again when it was removed', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  await lab.add({ id: 'a', netns: pod.netns, config: { ...WEFT_CONFIG, promiscMode: true } })
  await lab.host.exec(['ip', 'link', 'del', 'cni0'])
  await eventually(() => pod.ping('10.88.1.1', SHORT), { timeoutMs: 5000 })
  t.true((await lab.host.rtnl.links.get('cni0', { signal }))?.promiscuous)
})
