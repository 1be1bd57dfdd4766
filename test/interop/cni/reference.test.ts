// Side by side with the upstream plugins on the same configuration, each on a fresh host: results and kernel state must be
// equal in everything that is not random. Needs the peers "cni-1.9.1/*" and "cnitool-1.3.0" (docs/peers.md).

import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { findPeer, missingPeer } from '../../peers/cache.ts'
import { missingBridgeVlans } from '../../lab/kernel-features.ts'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { CniLab, SHIM, type CallOptions, type CniAnswer } from '../../kernel/cni/cni-lab.ts'

// Ahead of every test: ava wants them all declared in one go.
const keepsVlansApart = (await missingBridgeVlans()) === undefined
const BRIDGE = findPeer('cni-1.9.1/bridge')
const CNITOOL = findPeer('cnitool-1.3.0')
const reference = BRIDGE === undefined ? test.skip : test

if (BRIDGE === undefined) test('the upstream plugins are at hand', t => t.pass(missingPeer('cni-1.9.1/bridge')))

type Side = Readonly<{ lab: CniLab; call: (verb: string, options: CallOptions) => Promise<CniAnswer> }>

/** One host for the upstream plugins, one for ours under their names. */
async function bothSides(): Promise<Readonly<{ theirs: Side; ours: Side }> & AsyncDisposable> {
  const [a, b] = [await CniLab.open({ agent: false }), await CniLab.open()]
  const folder = dirname(BRIDGE!)
  for (const name of ['bridge', 'host-local', 'portmap', 'bandwidth', 'loopback']) symlinkSync(SHIM, join(b.folder, 'bin', name))
  const side = (lab: CniLab, path: string): Side => ({
    lab,
    call: (verb, options) => lab.call(verb, { ...options, program: join(path, String(options.config?.['type'] ?? 'bridge')), env: { CNI_PATH: path, ...options.env } }),
  })
  return {
    theirs: side(a, folder), ours: side(b, join(b.folder, 'bin')),
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]()
      await b[Symbol.asyncDispose]()
    },
  }
}

const base = (lab: CniLab, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => {
  const { ipam, ...rest } = more
  return {
    cniVersion: '1.0.0', name: 'same', type: 'bridge', bridge: 'br-same', isDefaultGateway: true,
    ...(ipam === null ? {} : { ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.66.0.0/24' }]], ...(ipam as object | undefined) } }), ...rest,
  }
}

/** Random parts replaced by what they are. */
function normal(result: any): unknown {
  return JSON.parse(JSON.stringify(result, (key, value: unknown) => {
    if (key === 'mac') return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(String(value)) ? 'MAC' : value
    if (key === 'name' && /^veth[0-9a-f]+$/.test(String(value))) return 'VETH'
    if (key === 'sandbox') return 'SANDBOX'
    return value
  }))
}

const SYSCTLS = ['net/ipv6/conf/eth0/accept_dad', 'net/ipv4/conf/eth0/arp_notify', 'net/ipv6/conf/eth0/keep_addr_on_down', 'net/ipv6/conf/eth0/disable_ipv6', 'net/ipv6/conf/lo/disable_ipv6']
const HOST_SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/ipv6/conf/br-same/accept_ra']

/** What the kernel holds in both namespaces, without indexes, names and times that differ by nature. */
async function kernelState(lab: CniLab, pod: LabNetns): Promise<unknown> {
  const json = async (where: LabNetns, ...args: readonly string[]): Promise<any[]> => JSON.parse((await where.exec(['ip', '-j', ...args])).stdout || '[]') as any[]
  const sysctls = async (where: LabNetns, names: readonly string[]): Promise<unknown> => Promise.all(names.map(async name => [name, (await where.exec(['cat', `/proc/sys/${name}`], { check: false })).stdout.trim()]))
  const addresses = (links: any[]): unknown => links.map(link => ({
    name: /^veth/.test(link.ifname) ? 'VETH' : link.ifname, mtu: link.mtu, up: link.flags.includes('UP'),
    addresses: link.addr_info.filter((info: any) => info.scope !== 'link').map((info: any) => [info.local, info.prefixlen, info.broadcast, info.scope, info.tentative === true]).toSorted(),
  })).toSorted((x, y) => (x.name < y.name ? -1 : 1))
  const routes = (list: any[]): unknown => list.filter(route => !/^(fe80|ff00|multicast)/.test(route.dst)).map(({ dst, gateway, metric, scope, table, protocol, prefsrc, dev }) => ({ dst, gateway, metric, scope, table, protocol, prefsrc, dev: /^veth/.test(dev) ? 'VETH' : dev })).toSorted((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1))
  const ports = JSON.parse((await lab.host.exec(['bridge', '-d', '-j', 'link'])).stdout || '[]') as any[]
  return {
    pod: addresses((await json(pod, 'addr')).filter(link => link.ifname === 'eth0')),
    podRoutes: routes([...(await json(pod, 'route', 'show', 'table', 'all')).filter(route => route.table !== 'local'), ...(await json(pod, '-6', 'route', 'show', 'table', 'all')).filter(route => route.table !== 'local' && route.type !== 'multicast')]),
    host: addresses((await json(lab.host, 'addr')).filter(link => link.ifname.startsWith('br-same') || /^veth/.test(link.ifname))),
    ports: ports.map(({ hairpin, isolated, state, learning, flood }) => ({ hairpin, isolated, state, learning, flood })),
    vlans: (JSON.parse((await lab.host.exec(['bridge', '-j', 'vlan', 'show'])).stdout || '[]') as any[])
      .map(({ ifname, vlans }) => ({ ifname: /^veth/.test(ifname) ? 'VETH' : ifname, vlans })).toSorted((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1)),
    sysctls: [await sysctls(pod, SYSCTLS), await sysctls(lab.host, HOST_SYSCTLS)],
  }
}

const CASES: readonly Readonly<{ name: string; more: Readonly<Record<string, unknown>>; env?: Readonly<Record<string, string>> }>[] = [
  { name: 'IPv4 with default gateway (13)', more: {} },
  { name: 'IPv6', more: { ipam: { ranges: [[{ subnet: 'fd66::/64' }]] } } },
  { name: 'dual stack', more: { ipam: { ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd66::/64' }]] } } },
  { name: 'two IPv4 sets without gateway', more: { isDefaultGateway: false, ipam: { ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: '10.67.0.0/24' }]] } } },
  { name: 'old single range', more: { ipam: { ranges: undefined, subnet: '10.66.0.0/24', rangeStart: '10.66.0.10', gateway: '10.66.0.9' } } },
  { name: 'routes with gateway, priority and table', more: { ipam: { routes: [{ dst: '10.9.0.0/16' }, { dst: '10.8.0.0/16', gw: '10.66.0.7', priority: 50 }, { dst: '10.7.0.0/16', table: 77 }] } } },
  { name: 'a default route with gateway in ipam.routes', more: { ipam: { routes: [{ dst: '0.0.0.0/0', gw: '10.66.0.1' }] } } },
  { name: 'resolvConf', more: { ipam: { resolvConf: 'RESOLV' } } },
  { name: 'dns of the configuration instead of IPAM\'s', more: { dns: { nameservers: ['10.0.0.10'], search: ['x'] }, ipam: { resolvConf: 'RESOLV' } } },
  { name: 'layer 2', more: { isDefaultGateway: false, ipam: null } },
  { name: 'mtu and hairpin', more: { mtu: 1400, hairpinMode: true } },
  { name: 'promiscuous bridge', more: { promiscMode: true } },
  { name: 'isolated port', more: { portIsolation: true } },
  { name: 'a MAC that the pod is held to', more: { macspoofchk: true } },
  { name: 'gateway only', more: { isDefaultGateway: false, isGateway: true } },
  ...(keepsVlansApart ? [
    { name: 'a VLAN with its gateway', more: { vlan: 100 } },
    { name: 'a VLAN beside the default one, dual stack', more: { vlan: 100, preserveDefaultVlan: true, ipam: { ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd66::/64' }]] } } },
    { name: 'a VLAN and a trunk', more: { isDefaultGateway: false, vlan: 100, vlanTrunk: [{ id: 7 }, { minID: 20, maxID: 30 }, { id: 31 }] } },
    { name: 'a trunk without a VLAN', more: { isDefaultGateway: false, vlanTrunk: [{ minID: 20, maxID: 30 }] } },
    { name: 'an empty trunk', more: { vlanTrunk: [] } },
  ] : []),
  { name: 'a given MAC and address', more: {}, env: { CNI_ARGS: 'MAC=02:00:00:00:00:77;IP=10.66.0.99;IgnoreUnknown=1' } },
]

for (const { name, more, env } of CASES) {
  reference(`same result and same kernel state: ${name} (14, 15)`, async t => {
    await using sides = await bothSides()
    const seen: unknown[] = []
    for (const { lab, call } of [sides.theirs, sides.ours]) {
      writeFileSync(join(lab.folder, 'resolv.conf'), 'nameserver 10.1.1.1\ndomain d\nsearch s t\noptions ndots:3\n')
      const config = JSON.parse(JSON.stringify(base(lab, more)).replace('RESOLV', join(lab.folder, 'resolv.conf'))) as Record<string, unknown>
      const pod = await lab.addPod()
      const answer = await call('ADD', { id: 'pod', netns: pod.netns, config, ...(env && { env }) })
      t.is(answer.exitCode, 0, answer.stdout)
      const check = await call('CHECK', { id: 'pod', netns: pod.netns, config: { ...config, prevResult: answer.json }, ...(env && { env }) })
      // Theirs does not find routes of other tables, and looks for an IPAM plugin where there is none.
      if (lab === sides.ours.lab) t.is(check.exitCode, 0, check.stdout)
      seen.push({ result: normal(answer.json), state: await kernelState(lab, pod) })
      t.is((await call('DEL', { id: 'pod', netns: pod.netns, config: { ...config, prevResult: answer.json }, ...(env && { env }) })).exitCode, 0)
      await t.notThrowsAsync(lab.settled(0))
    }
    t.deepEqual(seen[1], seen[0])
  })
}

reference('CHECK accepts and refuses the same changes (19)', async t => {
  await using sides = await bothSides()
  const seen = await Promise.all([sides.theirs, sides.ours].map(async ({ lab, call }) => {
    const pod = await lab.addPod()
    const config = base(lab, { ipam: { routes: [{ dst: '10.9.0.0/16' }] } })
    const options = { id: 'pod', netns: pod.netns }
    const { json } = await call('ADD', { ...options, config })
    const check = async (): Promise<number> => (await call('CHECK', { ...options, config: { ...config, prevResult: json } })).exitCode === 0 ? 0 : 1
    const veth = json.interfaces[1].name as string
    const mac = json.interfaces[2].mac as string
    const file = join(lab.dataDir, 'same', '10.66.0.2')
    const inPod = (...words: readonly string[]): Promise<unknown> => pod.exec(['ip', ...words])
    const onHost = (...words: readonly string[]): Promise<unknown> => lab.host.exec(['ip', ...words])
    const answers: Record<string, readonly number[]> = { untouched: [await check()] }
    const change = async (name: string, apply: () => unknown, undo: () => unknown): Promise<void> => {
      await apply()
      const changed = await check()
      await undo()
      answers[name] = [changed, await check()]
    }
    await change('a further address', () => inPod('addr', 'add', '10.66.0.200/24', 'dev', 'eth0'), () => inPod('addr', 'del', '10.66.0.200/24', 'dev', 'eth0'))
    await change('a further route', () => inPod('route', 'add', '10.1.0.0/16', 'via', '10.66.0.1'), () => inPod('route', 'del', '10.1.0.0/16'))
    await change('a route removed', () => inPod('route', 'del', '10.9.0.0/16'), () => inPod('route', 'add', '10.9.0.0/16', 'via', '10.66.0.1'))
    await change('another MAC', () => inPod('link', 'set', 'eth0', 'address', '02:00:00:00:00:99'), () => inPod('link', 'set', 'eth0', 'address', mac))
    await change('another MTU', () => inPod('link', 'set', 'eth0', 'mtu', '1300'), () => inPod('link', 'set', 'eth0', 'mtu', '1500'))
    await change('the reservation removed', () => renameSync(file, `${lab.dataDir}/kept`), () => renameSync(`${lab.dataDir}/kept`, file))
    await change('the link down', () => inPod('link', 'set', 'eth0', 'down'), async () => {
      await inPod('link', 'set', 'eth0', 'up')
      await inPod('route', 'add', 'default', 'via', '10.66.0.1')
      await inPod('route', 'add', '10.9.0.0/16', 'via', '10.66.0.1')
    })
    await change('the address removed', () => inPod('addr', 'del', '10.66.0.2/24', 'dev', 'eth0'), async () => {
      await inPod('addr', 'add', '10.66.0.2/24', 'brd', '10.66.0.255', 'dev', 'eth0')
      await inPod('route', 'replace', 'default', 'via', '10.66.0.1')
      await inPod('route', 'replace', '10.9.0.0/16', 'via', '10.66.0.1')
    })
    // Ours puts the port back within a second, so the agent has to look away.
    lab.agent?.kill('SIGSTOP')
    await onHost('link', 'set', veth, 'nomaster')
    const pending = check()
    lab.agent?.kill('SIGCONT')
    answers['the port off its bridge'] = [await pending]
    return answers
  }))
  t.deepEqual(seen[1], seen[0])
})

reference('a host port is reached by whom theirs is reached, who sees the same client (22)', async t => {
  await using sides = await bothSides()
  const seen = await Promise.all([sides.theirs, sides.ours].map(async ({ lab, call }) => {
    const [pod, neighbour, outside] = [await lab.addPod(), await lab.addPod(), await lab.addPod()]
    const add = async (id: string, netns: string, portMappings: readonly unknown[]): Promise<void> => {
      const config = base(lab, { hairpinMode: true })
      const { json } = await call('ADD', { id, netns, config })
      const chained = await call('ADD', { id, netns, config: { cniVersion: '1.0.0', name: 'same', type: 'portmap', backend: 'iptables', prevResult: json, runtimeConfig: { portMappings } } })
      t.is(chained.exitCode, 0, chained.stdout)
    }
    await add('web', pod.netns, [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }, { hostPort: 8081, containerPort: 80, protocol: 'tcp', hostIP: '192.0.2.1' }])
    await add('neighbour', neighbour.netns, [])
    await lab.host.exec(['ip', 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside.netns.split('/').at(-1)!])
    for (const [where, link, address] of [[lab.host, 'uplink', '192.0.2.1/24'], [outside, 'eth0', '192.0.2.2/24']] as const) {
      await where.exec(['ip', 'link', 'set', link, 'up'])
      await where.addAddresses(link, address)
    }
    await lab.host.addAddresses('uplink', '192.0.2.3/24')
    await lab.host.exec(['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1'])
    await pod.echo({ port: 80 })
    const ask = async (from: LabNetns, address: string, port: number): Promise<string> => from.tcp(address, port, { timeoutMs: 700 }).then(reply => reply.clientAddress, () => 'no answer')
    const rows: Record<string, string> = {}
    for (const [name, from] of [['outside', outside], ['host', lab.host], ['pod itself', pod], ['neighbour', neighbour]] as const) {
      for (const [address, port] of [['192.0.2.1', 8080], ['192.0.2.3', 8080], ['192.0.2.1', 8081], ['192.0.2.3', 8081], ['192.0.2.1', 8082]] as const) rows[`${name} to ${address}:${port}`] = await ask(from, address, port)
    }
    rows['host to 127.0.0.1:8080'] = await ask(lab.host, '127.0.0.1', 8080)
    rows['host to 127.0.0.1:8081'] = await ask(lab.host, '127.0.0.1', 8081)
    return rows
  }))
  t.deepEqual(seen[1], seen[0])
})

reference('the same result in all seven versions (4)', async t => {
  await using sides = await bothSides()
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    const [theirs, ours] = await Promise.all([sides.theirs, sides.ours].map(async ({ lab, call }) => {
      const pod = await lab.addPod()
      const config = base(lab, { cniVersion, ipam: { ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd66::/64' }]] } })
      const answer = await call('ADD', { id: `v${cniVersion}`, netns: pod.netns, config })
      await call('DEL', { id: `v${cniVersion}`, netns: pod.netns, config })
      return normal(answer.json)
    }))
    t.deepEqual(ours, theirs, cniVersion)
  }
})

reference('random reservations give identical addresses and identical files (16)', async t => {
  await using sides = await bothSides()
  const seed = Number(process.env['WEFT_SEED'] ?? 7)
  t.log(`seed ${seed}`)
  let state = seed
  const random = (below: number): number => Math.floor(((state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31) * below)
  const live: string[] = []
  const { netns } = await sides.ours.lab.addPod()
  const config = (lab: CniLab): Record<string, unknown> => ({ cniVersion: '1.0.0', name: 'seq', type: 'host-local', ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.66.0.0/29' }, { subnet: '10.66.1.0/30' }], [{ subnet: 'fd66::/124' }]] } })
  for (let step = 0; step < 600; step += 1) {
    const remove = live.length > 0 && random(5) < 2
    const id = remove ? live.splice(random(live.length), 1)[0]! : `c${step}`
    const [theirs, ours] = await Promise.all([sides.theirs, sides.ours].map(({ lab, call }) => call(remove ? 'DEL' : 'ADD', { id, netns, config: config(lab) })))
    t.is(ours!.exitCode, theirs!.exitCode, `step ${step}: ${ours!.stdout} ${theirs!.stdout}`)
    if (!remove) t.deepEqual(ours!.json?.ips, theirs!.json?.ips, `step ${step}`)
    if (!remove && theirs!.exitCode === 0) live.push(id)
  }
  const files = (lab: CniLab): unknown => readdirSync(join(lab.dataDir, 'seq')).filter(name => name !== 'lock').toSorted().map(name => [name, readFileSync(join(lab.dataDir, 'seq', name), 'utf8')])
  t.deepEqual(files(sides.ours.lab), files(sides.theirs.lab))
})

reference('one takes over from the other on one node: their ADD and our DEL, our ADD and their DEL (18)', async t => {
  await using sides = await bothSides()
  const { lab } = sides.ours
  const theirs = (verb: string, options: CallOptions): Promise<CniAnswer> => lab.call(verb, { ...options, program: BRIDGE!, env: { CNI_PATH: dirname(BRIDGE!) } })
  const [a, b] = [await lab.addPod(), await lab.addPod()]
  const config = base(lab)
  const first = await theirs('ADD', { id: 'a', netns: a.netns, config })
  const second = await sides.ours.call('ADD', { id: 'b', netns: b.netns, config })
  t.deepEqual([first.json.ips[0].address, second.json.ips[0].address], ['10.66.0.2/24', '10.66.0.3/24'])
  t.true(await a.ping('10.66.0.3'))
  t.is((await sides.ours.call('DEL', { id: 'a', netns: a.netns, config: { ...config, prevResult: first.json } })).exitCode, 0)
  t.is((await theirs('DEL', { id: 'b', netns: b.netns, config: { ...config, prevResult: second.json } })).exitCode, 0)
  t.deepEqual(readdirSync(join(lab.dataDir, 'same')).filter(name => name.startsWith('10.')), [])
  t.deepEqual(await lab.veths(), [])
  t.is((await sides.ours.call('DEL', { id: 'b', netns: '', config })).exitCode, 0)
  await lab.settled(0)
})

reference('their bridge takes addresses from us as host-local and as weft-cni (20)', async t => {
  await using sides = await bothSides()
  const { lab } = sides.ours
  const mixed = join(lab.folder, 'mixed')
  mkdirSync(mixed)
  symlinkSync(BRIDGE!, join(mixed, 'bridge'))
  for (const name of ['host-local', 'weft-cni']) symlinkSync(SHIM, join(mixed, name))
  for (const ipam of [{ type: 'host-local' }, { type: 'weft-cni', ranges: undefined }]) {
    const pod = await lab.addPod()
    const call = { id: `mixed-${ipam.type}`, netns: pod.netns, program: join(mixed, 'bridge'), env: { CNI_PATH: mixed }, config: base(lab, { bridge: `br-${ipam.type}`, name: `n-${ipam.type}`, ipam }) }
    const result = await lab.add(call)
    t.true(await pod.ping(result.ips[0].gateway), ipam.type)
    await lab.del(call)
  }
  t.is(lab.records().size, 0)
})

reference('their portmap, bandwidth and tuning come behind us (20)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const first = await lab.add({ id: 'chain', netns: pod.netns })
  let prevResult = first
  const behind = [
    { type: 'portmap', runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] } },
    { type: 'bandwidth', ingressRate: 80_000_000, ingressBurst: 8_000_000 },
    { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.log_martians': '1' } },
  ]
  const call = (config: Record<string, unknown>): CallOptions => ({ id: 'chain', netns: pod.netns, program: join(dirname(BRIDGE!), String(config['type'])), env: { CNI_PATH: dirname(BRIDGE!) }, config: { cniVersion: '1.0.0', name: 'weft', ...config, prevResult } })
  for (const config of behind) prevResult = await lab.add(call(config))
  await pod.echo({ port: 80 })
  t.is((await lab.host.tcp('10.88.1.1', 8080)).server, pod.name)
  const check = await lab.call('CHECK', { id: 'chain', netns: pod.netns, config: { cniVersion: '1.0.0', name: 'weft', type: 'weft-cni', prevResult } })
  t.is(check.exitCode, 0, check.stdout)
  for (const config of behind.toReversed()) await lab.del(call(config))
  await lab.del({ id: 'chain', netns: pod.netns, config: { cniVersion: '1.0.0', name: 'weft', type: 'weft-cni', prevResult } })
  await lab.settled(0)
})

reference('the same token buckets and the same redirection (23)', async t => {
  await using sides = await bothSides()
  const seen = await Promise.all([sides.theirs, sides.ours].map(async ({ lab, call }) => {
    const pod = await lab.addPod()
    const config = base(lab)
    const { json: prevResult } = await call('ADD', { id: 'a', netns: pod.netns, config })
    const shaped = await call('ADD', { id: 'a', netns: pod.netns, config: { cniVersion: '1.0.0', name: 'same', type: 'bandwidth', ingressRate: 20_000_000, ingressBurst: 2_000_000, egressRate: 10_000_000, egressBurst: 1_000_000, prevResult } })
    t.is(shaped.exitCode, 0, shaped.stdout)
    const veth = prevResult.interfaces[1].name as string
    const dump = async (...args: readonly string[]): Promise<string> => (await lab.host.exec(['tc', ...args])).stdout.replaceAll(/veth[0-9a-f]+/g, 'VETH').replaceAll(/bwp[0-9a-f]+/g, 'IFB').replaceAll(/index \d+ ref \d+ bind \d+/g, 'REFS').trim()
    return { qdiscs: (await dump('qdisc', 'show')).split('\n').filter(line => /tbf|ingress/.test(line)).toSorted(), filter: firstAction(await dump('filter', 'show', 'dev', veth, 'ingress')), interfaces: shaped.json.interfaces.length }
  }))
  t.deepEqual(seen[1], seen[0])
})

/** Theirs lists the same redirection twice, the second never reached. */
const firstAction = (filter: string): string => filter.split(/\s*REFS/)[0]!

const tool = CNITOOL === undefined ? test.skip : test

tool('the upstream runtime library drives our list: add, check, status, gc, del (cnitool)', async t => {
  await using lab = await CniLab.open({ agent: false })
  await lab.start({ publish: true })
  const pod = await lab.addPod()
  const run = (verb: string, more: Readonly<Record<string, string>> = {}): Promise<{ stdout: string; stderr: string; code: number | null }> =>
    lab.host.exec([CNITOOL!, verb, 'weft', pod.netns], {
      check: false, env: { CNI_PATH: join(lab.folder, 'bin'), NETCONFPATH: join(lab.folder, 'conf'), WEFT_CNI_SOCKET: lab.socketPath, WEFT_CNI_QUEUE: join(lab.folder, 'queue'), ...more },
    })
  t.like(await run('status'), { code: 0 })
  const added = await run('add', { CAP_ARGS: JSON.stringify({ portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }] }) })
  t.is(added.code, 0, added.stderr)
  const result = JSON.parse(added.stdout) as Record<string, any>
  t.is(result['cniVersion'], '1.1.0')
  await pod.echo({ port: 80 })
  t.is((await lab.host.tcp('10.88.1.1', 8088)).server, pod.name)
  const checked = await run('check', { CAP_ARGS: JSON.stringify({ portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }] }) })
  t.is(checked.code, 0, checked.stderr)
  await lab.settled(1)
  const collected = await run('gc')
  t.is(collected.code, 0, collected.stderr)
  const deleted = await run('del')
  t.is(deleted.code, 0, deleted.stderr)
  await lab.settled(0)
})

