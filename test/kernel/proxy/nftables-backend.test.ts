// The nftables ruleset by the packets it moves: one host with pods, a neighbour on the underlay, no daemon around it.

import test, { type ExecutionContext } from 'ava'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { Family } from '../../../src/net/ip/address.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { NftablesBackend } from '../../../src/proxy/nftables-backend/nftables-backend.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import { openTcp, askUdp } from '../../lab/client.ts'
import { eventually } from '../../lab/eventually.ts'
import { openLab, type Host, type Lab, type Pod } from '../../lab/lab.ts'

const { signal } = new AbortController()

type Bench = Readonly<{
  lab: Lab
  node: Host
  outside: Host
  pods: readonly Pod[]
  remote: Pod
  backend: NftablesBackend
  foreign: string[]
  apply: (objects: { services?: readonly Service[]; slices?: readonly EndpointSlice[]; gone?: readonly string[] }) => Promise<void>
  resync: () => Promise<readonly string[]>
  nft: (...args: string[]) => Promise<string>
}>

/** Two hosts that route each other's pods; the first is the node, with two pods of its own, the second holds a remote pod. */
async function open(t: ExecutionContext, options: Readonly<{ family?: Family; watchFrom?: Promise<unknown> }> = {}): Promise<Bench> {
  const family = options.family ?? 4
  const lab = await openLab({ hosts: 2, podRoutes: true })
  t.teardown(() => lab[Symbol.asyncDispose]())
  const [node, outside] = [lab.host(1), lab.host(2)]
  const pods = [await node.addPod(), await node.addPod()]
  const remote = await outside.addPod()
  for (const pod of [...pods, remote]) for (const protocol of ['tcp', 'udp'] as const) await pod.echo({ protocol, port: 8080, family })
  for (const [net, via] of [['10.96.0.0/16', node.address], ['fd96::/112', node.address6]] as const) {
    await outside.rtnl.routes.add({ destination: parsePrefix(net, 'services'), gateway: parseAddress(via, 'node') }, { signal })
  }
  for (const [net, via] of [['0.0.0.0/0', outside.address], ['::/0', outside.address6]] as const) {
    await node.rtnl.routes.add({ destination: parsePrefix(net, 'default'), gateway: parseAddress(via, 'outside') }, { signal })
  }
  const nodePortAddresses = { kind: 'listed' as const, addresses: [parseAddress(family === 4 ? node.address : node.address6, 'node')] }
  const serviceCidrs = [parsePrefix(family === 4 ? '10.96.0.0/16' : 'fd96::/112', 'services')]
  const foreign: string[] = []
  const tracker = new Tracker({ family, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [parseAddress(family === 4 ? node.address : node.address6, 'node')] } as never)
  const backend = await NftablesBackend.open({
    ruleset: { family, masqueradeMark: 1 << 14, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix(family === 4 ? node.podSubnet : node.podSubnet6, 'pods') } },
    nodePortAddresses: async () => nodePortAddresses, serviceCidrs: () => serviceCidrs, netns: node.netns, log: silentLog(),
    ...(options.watchFrom === undefined ? {} : { watchFrom: options.watchFrom }),
  }, { signal })
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  t.teardown(() => backend[Symbol.asyncDispose]())
  backend.watch(program => foreign.push(program), { signal: stop.signal })
  await backend.sync({ table, changes: [], full: true }, { signal })
  return {
    lab, node, outside, pods, remote, backend, foreign,
    apply: async ({ services = [], slices = [], gone = [] }) => {
      for (const service of services) tracker.applyService(service)
      for (const slice of slices) tracker.applySlice(slice)
      for (const name of gone) tracker.removeService('default', name)
      const report = await backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full: false }, { signal })
      t.is(report.kind, 'partial')
      t.false(report.fellBack)
    },
    resync: async () => (await backend.sync({ table, changes: [], full: true }, { signal })).repaired,
    nft: async (...args) => (await node.exec(['nft', ...args])).stdout,
  }
}

const VIP = { 4: '10.96.0.10', 6: 'fd96::10' } as const

const service = (name: string, spec: Record<string, unknown> = {}, family: Family = 4, protocol = 'TCP'): Service =>
  ({
    metadata: { namespace: 'default', name, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { type: 'NodePort', clusterIP: VIP[family], clusterIPs: [VIP[family]], ipFamilies: [family === 4 ? 'IPv4' : 'IPv6'], ports: [{ name: 'p', port: 80, protocol, nodePort: 30080 }], ...spec },
  }) as unknown as Service

const slice = (name: string, endpoints: readonly Readonly<{ pod: Pod; node: string }>[], family: Family = 4, protocol = 'TCP'): EndpointSlice =>
  ({
    metadata: { namespace: 'default', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: family === 4 ? 'IPv4' : 'IPv6',
    ports: [{ name: 'p', port: 8080, protocol }],
    endpoints: endpoints.map(({ pod, node }) => ({ addresses: [family === 4 ? pod.address : pod.address6], nodeName: node, conditions: { ready: true } })),
  }) as unknown as EndpointSlice

const here = (pod: Pod) => ({ pod, node: 'node-1' })
const there = (pod: Pod) => ({ pod, node: 'node-2' })

async function answers(netns: string, address: string, port: number, count: number): Promise<readonly string[]> {
  const names: string[] = []
  for (let i = 0; i < count; i += 1) {
    await using connection = await openTcp(netns, { address, port })
    names.push(connection.greeting.server)
  }
  return names
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: pods, the node and outsiders reach all endpoints through cluster IP and node port`, async t => {
    const b = await open(t, { family })
    await b.apply({ services: [service('web', {}, family)], slices: [slice('web', [here(b.pods[0]!), here(b.pods[1]!), there(b.remote)], family)] })
    const everybody = [b.pods[0]!.name, b.pods[1]!.name, b.remote.name].sort()
    const nodeAddress = family === 4 ? b.node.address : b.node.address6
    for (const [from, address, port] of [
      [b.pods[0]!.netns, VIP[family], 80], [b.node.netns, VIP[family], 80], [b.outside.netns, VIP[family], 80],
      [b.outside.netns, nodeAddress, 30080], [b.node.netns, nodeAddress, 30080], [b.pods[0]!.netns, nodeAddress, 30080],
    ] as const) {
      t.deepEqual([...new Set(await answers(from, address, port, 30))].sort(), everybody, `${address} ${port}`)
    }
  })

  test(`IPv${family}: a client sticks to its endpoint until that endpoint leaves`, async t => {
    const b = await open(t, { family })
    const sticky = service('web', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, family)
    await b.apply({ services: [sticky], slices: [slice('web', [here(b.pods[0]!), here(b.pods[1]!), there(b.remote)], family)] })
    const nodeAddress = family === 4 ? b.node.address : b.node.address6
    const first = [...await answers(b.outside.netns, VIP[family], 80, 15), ...await answers(b.outside.netns, nodeAddress, 30080, 15)]
    t.is(new Set(first).size, 1)
    const rest = [here(b.pods[0]!), here(b.pods[1]!), there(b.remote)].filter(({ pod }) => pod.name !== first[0])
    await b.apply({ slices: [slice('web', rest, family)] })
    const second = await answers(b.outside.netns, VIP[family], 80, 15)
    t.is(new Set(second).size, 1)
    t.not(second[0], first[0])
  })

  test(`IPv${family}: a service without endpoints refuses, at every kind of address`, async t => {
    const b = await open(t, { family })
    await b.apply({ services: [service('web', {}, family)] })
    const nodeAddress = family === 4 ? b.node.address : b.node.address6
    for (const [netns, address, port] of [[b.pods[0]!.netns, VIP[family], 80], [b.node.netns, VIP[family], 80], [b.outside.netns, nodeAddress, 30080], [b.pods[0]!.netns, VIP[family], 81]] as const) {
      await t.throwsAsync(openTcp(netns, { address, port }), { code: 'ECONNREFUSED' }, `${address} ${port}`)
    }
  })
}

test('a pod reaches itself through the cluster IP, seen as the node', async t => {
  const b = await open(t)
  await b.apply({ services: [service('web')], slices: [slice('web', [here(b.pods[0]!)])] })
  await using connection = await openTcp(b.pods[0]!.netns, { address: VIP[4], port: 80 })
  t.is(connection.greeting.server, b.pods[0]!.name)
  t.not(connection.greeting.clientAddress, b.pods[0]!.address)
})

test('pods keep their address towards a cluster IP, outsiders are masqueraded, and a node port masquerades both', async t => {
  const b = await open(t)
  await b.apply({ services: [service('web')], slices: [slice('web', [here(b.pods[1]!)])] })
  const seen = async (netns: string, address: string, port: number): Promise<string> => {
    await using connection = await openTcp(netns, { address, port })
    return connection.greeting.clientAddress
  }
  t.is(await seen(b.pods[0]!.netns, VIP[4], 80), b.pods[0]!.address)
  t.is(await seen(b.outside.netns, VIP[4], 80), '10.244.1.1')
  t.is(await seen(b.outside.netns, b.node.address, 30080), '10.244.1.1')
  t.is(await seen(b.pods[0]!.netns, b.node.address, 30080), '10.244.1.1')
})

test('under externalTrafficPolicy Local outsiders keep their address and reach only local endpoints; pods reach all', async t => {
  const b = await open(t)
  const local = service('web', { externalTrafficPolicy: 'Local' })
  await b.apply({ services: [local], slices: [slice('web', [here(b.pods[0]!), there(b.remote)])] })
  t.deepEqual([...new Set(await answers(b.outside.netns, b.node.address, 30080, 12))], [b.pods[0]!.name])
  await using connection = await openTcp(b.outside.netns, { address: b.node.address, port: 30080 })
  t.is(connection.greeting.clientAddress, b.outside.address)
  t.is(new Set(await answers(b.pods[1]!.netns, b.node.address, 30080, 30)).size, 2)
  await b.apply({ slices: [slice('web', [there(b.remote)])] })
  await t.throwsAsync(openTcp(b.outside.netns, { address: b.node.address, port: 30080, timeoutMs: 300 }), { code: 'ETIMEDOUT' })
  t.deepEqual([...new Set(await answers(b.pods[1]!.netns, b.node.address, 30080, 3))], [b.remote.name])
})

test('under internalTrafficPolicy Local the cluster IP leads to local endpoints, and nowhere without one', async t => {
  const b = await open(t)
  await b.apply({ services: [service('web', { internalTrafficPolicy: 'Local' })], slices: [slice('web', [here(b.pods[0]!), there(b.remote)])] })
  t.deepEqual([...new Set(await answers(b.pods[1]!.netns, VIP[4], 80, 12))], [b.pods[0]!.name])
  await b.apply({ slices: [slice('web', [there(b.remote)])] })
  await t.throwsAsync(openTcp(b.pods[1]!.netns, { address: VIP[4], port: 80, timeoutMs: 300 }), { code: 'ETIMEDOUT' })
})

test('a load-balancer address lets in its source ranges and nobody else; an external IP stays open', async t => {
  const b = await open(t)
  const guarded = {
    ...service('web', { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.244.1.0/24', '10.244.0.0/16', '192.0.2.0/24'], externalIPs: ['10.96.77.1'] }),
    status: { loadBalancer: { ingress: [{ ip: '10.96.66.1' }] } },
  }
  await b.apply({ services: [guarded], slices: [slice('web', [here(b.pods[0]!)])] })
  t.deepEqual(await answers(b.pods[1]!.netns, '10.96.66.1', 80, 1), [b.pods[0]!.name])
  await t.throwsAsync(openTcp(b.outside.netns, { address: '10.96.66.1', port: 80, timeoutMs: 300 }), { code: 'ETIMEDOUT' })
  t.deepEqual(await answers(b.outside.netns, '10.96.77.1', 80, 1), [b.pods[0]!.name])
})

test('UDP and TCP on one port are separate services', async t => {
  const b = await open(t)
  const both = service('web', { ports: [{ name: 'p', port: 80, protocol: 'TCP', nodePort: 30080 }, { name: 'p', port: 80, protocol: 'UDP', nodePort: 30080 }] })
  await b.apply({ services: [both], slices: [slice('web', [here(b.pods[0]!)]), { ...slice('web', [here(b.pods[1]!)], 4, 'UDP'), metadata: { namespace: 'default', name: 'web-udp', labels: { 'kubernetes.io/service-name': 'web' } } }] })
  t.deepEqual(await answers(b.outside.netns, VIP[4], 80, 3), Array(3).fill(b.pods[0]!.name))
  t.is((await askUdp(b.outside.netns, { address: VIP[4], port: 80 })).server, b.pods[1]!.name)
  t.is((await askUdp(b.outside.netns, { address: b.node.address, port: 30080 })).server, b.pods[1]!.name)
})

test('endpoints are chosen uniformly', async t => {
  const b = await open(t)
  await b.apply({ services: [service('web')], slices: [slice('web', [here(b.pods[0]!), here(b.pods[1]!), there(b.remote)])] })
  const counts = Map.groupBy(await answers(b.outside.netns, VIP[4], 80, 600), name => name)
  const chiSquare = [...counts.values()].reduce((sum, list) => sum + (list.length - 200) ** 2 / 200, 0)
  // Two degrees of freedom: 18.4 is exceeded by chance once in ten thousand runs.
  t.true(counts.size === 3 && chiSquare < 18.4, `${[...counts].map(([name, list]) => `${name} ${list.length}`)}`)
})

test('the table does not grow chains with services, reads well, and a removed service leaves nothing', async t => {
  const b = await open(t)
  const chains = async (): Promise<number> => (await b.nft('list', 'chains', 'ip')).match(/chain /g)!.length
  const idle = await b.nft('list', 'table', 'ip', 'weft')
  await b.apply({ services: [service('web')], slices: [slice('web', [here(b.pods[0]!), here(b.pods[1]!)])] })
  const one = await chains()
  const more = Array.from({ length: 50 }, (_, i) => service(`s${i}`, { type: 'ClusterIP', clusterIP: `10.96.1.${i}`, clusterIPs: [`10.96.1.${i}`], ports: [{ name: 'p', port: 80, protocol: 'TCP' }] }))
  await b.apply({ services: more, slices: more.map(s => slice(s.metadata!.name!, [here(b.pods[0]!), here(b.pods[1]!)])) })
  t.is(await chains(), one)
  const listing = await b.nft('list', 'table', 'ip', 'weft')
  const [, number] = /10\.96\.0\.10 \. tcp \. 80 comment "default\/web:p" : (0x[0-9a-f]+)/.exec(listing) ?? []
  t.true(listing.includes(`${number} : goto internal-2`), listing)
  await b.apply({ gone: ['web', ...more.map(s => s.metadata!.name!)] })
  // Classes without use go in the two syncs after the one that made them so.
  await b.apply({})
  await b.apply({})
  t.is(await b.nft('list', 'table', 'ip', 'weft'), idle)
})

test('what a stranger did before anybody looked is noticed, our own commits in the meantime are not taken for a stranger\'s', async t => {
  const [quiet, disturbed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const [a, b] = [await open(t, { watchFrom: quiet.promise }), await open(t, { watchFrom: disturbed.promise })]
  for (const bench of [a, b]) await bench.apply({ services: [service('web')], slices: [slice('web', [here(bench.pods[0]!)])] })
  await b.nft('flush', 'chain', 'ip', 'weft', 'dispatch')
  quiet.resolve()
  disturbed.resolve()
  await eventually(async () => b.foreign.length > 0)
  t.deepEqual(a.foreign, [])
  t.deepEqual(await b.resync(), ['chain dispatch'])
  await a.nft('flush', 'chain', 'ip', 'weft', 'dispatch')
  await eventually(async () => a.foreign.length > 0)
})

test('a restart rewrites nothing, and what a stranger did to the table is undone', async t => {
  const b = await open(t)
  await b.apply({
    services: [service('web', { externalTrafficPolicy: 'Local', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } })],
    slices: [slice('web', [here(b.pods[0]!), here(b.pods[1]!), there(b.remote)])],
  })
  await b.apply({ slices: [slice('web', [here(b.pods[1]!), there(b.remote)])] })
  t.deepEqual(await b.resync(), ['chains nobody needs: internal-3-sticky-60s, node-port-plain-3-sticky-60s, node-port-local-2-of-3-sticky-60s', 'set classes: 2 elements'])
  t.deepEqual(await b.resync(), [])
  t.deepEqual(b.foreign, [])
  await b.nft('delete', 'element', 'ip', 'weft', 'services', '{ 10.96.0.10 . tcp . 80 }')
  await b.nft('flush', 'chain', 'ip', 'weft', 'dispatch')
  await b.nft('add', 'rule', 'ip', 'weft', 'nat-prerouting', 'counter')
  t.deepEqual(b.foreign, ['nft', 'nft', 'nft'])
  t.deepEqual(await b.resync(), ['chain dispatch', 'chain nat-prerouting', 'set services: 1 elements'])
  await b.nft('flush', 'ruleset')
  t.is((await b.resync())[0], 'table weft')
  t.is((await answers(b.pods[0]!.netns, VIP[4], 80, 1)).length, 1)
  t.deepEqual(await b.resync(), [])
})
