import test from 'ava'
import fc from 'fast-check'
import { AddressAllocator, addressStaticBand } from '../../../../src/apiserver/allocators/address-allocator.ts'
import { PortAllocator, portStaticBand } from '../../../../src/apiserver/allocators/port-allocator.ts'
import { addressesOf, portNumbersOf, ServiceAllocators, type Allocation } from '../../../../src/apiserver/allocators/service-allocators.ts'
import { serviceDefaults } from '../../../../src/api/strategies/service/defaults.ts'
import { carryOver, normalizeNewClusterIps } from '../../../../src/api/strategies/service/transition.ts'
import { serviceSpec } from '../../../../src/api/strategies/service/service.ts'
import { cloneJson, type ApiObject } from '../../../../src/api/object.ts'
import { StatusError } from '../../../../src/api/status/status.ts'
import { formatAddress, parseAddress } from '../../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../../src/net/ip/prefix.ts'

function open({ cidrs = ['10.96.0.0/16'], first = 30_000, last = 32_767, random = (): number => 0.5 } = {}): ServiceAllocators {
  const prefixes = cidrs.map(cidr => parsePrefix(cidr, 'cidr'))
  return new ServiceAllocators({
    addresses: prefixes.map(prefix => new AddressAllocator({ family: prefix.family, prefixes: [prefix], random })),
    ports: new PortAllocator({ range: { first, last }, random }),
  })
}

const service = (spec: Record<string, unknown>, name = 's'): ApiObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } })

function create(allocators: ServiceAllocators, spec: Record<string, unknown>, { dryRun = false } = {}): ApiObject {
  const draft = service(spec)
  normalizeNewClusterIps(draft)
  serviceDefaults(draft)
  allocators.settle(allocators.plan(draft, undefined, { dryRun }), 'committed')
  return draft
}

function update(allocators: ServiceAllocators, old: ApiObject, spec: Record<string, unknown>): { next: ApiObject; allocation: Allocation } {
  const next = service(spec)
  serviceDefaults(next)
  carryOver(next, old)
  const allocation = allocators.plan(next, old, { dryRun: false })
  allocators.settle(allocation, 'committed')
  return { next, allocation }
}

const message = (t: import('ava').ExecutionContext, run: () => unknown): string => t.throws(run, { instanceOf: StatusError }).message

test('a new Service gets an address above the static band and the families of the cluster (17)', t => {
  const allocators = open({ random: () => 0 })
  t.like(serviceSpec(create(allocators, {})), {
    clusterIP: '10.96.1.1', clusterIPs: ['10.96.1.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', internalTrafficPolicy: 'Cluster', sessionAffinity: 'None',
  })
  t.is(formatAddress(allocators.addresses[0]!.first()), '10.96.0.1')
  t.is(addressStaticBand(256n), 16n)
  t.is(addressStaticBand(65_536n), 256n)
  t.is(portStaticBand(2768), 86)
})

test('a taken and a foreign address are refused with their reasons (18)', t => {
  const allocators = open()
  create(allocators, { clusterIP: '10.96.0.10' })
  t.is(message(t, () => create(allocators, { clusterIP: '10.96.0.10' })),
    'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated')
  t.regex(message(t, () => create(allocators, { clusterIP: '10.99.0.1' })),
    /failed to allocate IP 10\.99\.0\.1: the provided IP \(10\.99\.0\.1\) is not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/16$/)
  t.is(allocators.addresses[0]!.count, 1)
})

test('node ports: conflicts, the range, the dynamic band, and one port for both protocols of one number (19)', t => {
  const allocators = open({ random: () => 0 })
  create(allocators, { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] })
  t.regex(message(t, () => create(allocators, { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] })), /spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated$/)
  t.regex(message(t, () => create(allocators, { type: 'NodePort', ports: [{ port: 80, nodePort: 29_999 }] })), /provided port is not in the valid range\. The range of valid ports is 30000-32767$/)
  const dns = create(allocators, { type: 'NodePort', ports: [{ name: 'u', port: 53, protocol: 'UDP' }, { name: 't', port: 53, protocol: 'TCP' }] })
  const [udp, tcp] = serviceSpec(dns).ports!
  t.is(udp!.nodePort, tcp!.nodePort)
  t.true(udp!.nodePort! > 30_085)
})

test('a PUT without cluster IP and node ports keeps them (20)', t => {
  const allocators = open()
  const old = create(allocators, { type: 'NodePort', ports: [{ port: 80, name: 'a' }] })
  const { next, allocation } = update(allocators, old, { type: 'NodePort', ports: [{ port: 81, name: 'a' }] })
  t.is(serviceSpec(next).clusterIP, serviceSpec(old).clusterIP)
  t.is(serviceSpec(next).ports![0]!.nodePort, serviceSpec(old).ports![0]!.nodePort)
  t.deepEqual(allocation, { addresses: { taken: [], released: [] }, ports: { taken: [], released: [] } })
})

test('type changes take and give back: ClusterIP, NodePort, ExternalName and back (21)', t => {
  const allocators = open()
  const first = create(allocators, {})
  const { next: nodePort } = update(allocators, first, { ...first['spec'] as object, type: 'NodePort' })
  const port = serviceSpec(nodePort).ports![0]!.nodePort!
  t.true(allocators.ports.has(port))
  const { next: plain } = update(allocators, nodePort, { ...cloneJson(nodePort['spec'] as object), type: 'ClusterIP' })
  t.is(serviceSpec(plain).ports![0]!.nodePort, undefined)
  t.false(allocators.ports.has(port))
  const { next: external } = update(allocators, plain, { ...cloneJson(plain['spec'] as object), type: 'ExternalName', externalName: 'a.b' })
  t.is(serviceSpec(external).clusterIP, undefined)
  t.is(allocators.addresses[0]!.count, 0)
  const { next: back } = update(allocators, external, { type: 'ClusterIP' })
  t.truthy(serviceSpec(back).clusterIP)
  t.is(allocators.addresses[0]!.count, 1)
})

test('a LoadBalancer with local traffic policy has a health check port, until it has not (22)', t => {
  const allocators = open()
  const local = create(allocators, { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
  const port = serviceSpec(local).healthCheckNodePort!
  t.true(port >= 30_000 && allocators.ports.has(port))
  const { next } = update(allocators, local, { ...cloneJson(local['spec'] as object), externalTrafficPolicy: 'Cluster' })
  t.is(serviceSpec(next).healthCheckNodePort, undefined)
  t.false(allocators.ports.has(port))
})

test('dual stack on a cluster with one family: required is refused, preferred gets one (23)', t => {
  const allocators = open()
  t.is(message(t, () => create(allocators, { ipFamilyPolicy: 'RequireDualStack' })),
    'Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services')
  t.deepEqual(serviceSpec(create(allocators, { ipFamilyPolicy: 'PreferDualStack' })).ipFamilies, ['IPv4'])
  t.regex(message(t, () => create(allocators, { ipFamilies: ['IPv6'] })), /spec\.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster$/)
  t.regex(message(t, () => create(allocators, { clusterIP: 'fd00::1' })), /spec\.clusterIPs\[0\]: Invalid value: \["fd00::1"\]: IPv6 is not configured on this cluster$/)
})

test('a headless Service without selector lists both families and takes no address (24)', t => {
  const allocators = open()
  t.like(serviceSpec(create(allocators, { clusterIP: 'None' })), { clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' })
  t.deepEqual(serviceSpec(create(allocators, { clusterIP: 'None', selector: { a: 'b' } })).ipFamilies, ['IPv4'])
  t.is(allocators.addresses[0]!.count, 0)
})

test('dual stack: two addresses, and SingleStack gives the second back', t => {
  const allocators = open({ cidrs: ['10.96.0.0/16', 'fd00:10::/108'] })
  const both = create(allocators, { ipFamilyPolicy: 'PreferDualStack' })
  t.is(serviceSpec(both).clusterIPs!.length, 2)
  t.is(allocators.addresses[1]!.count, 1)
  const { next } = update(allocators, both, { ...cloneJson(both['spec'] as object), ipFamilyPolicy: 'SingleStack' })
  t.is(serviceSpec(next).clusterIPs!.length, 1)
  t.deepEqual(serviceSpec(next).ipFamilies, ['IPv4'])
  t.is(allocators.addresses[1]!.count, 0)
  const { next: again } = update(allocators, next, { ...cloneJson(next['spec'] as object), ipFamilyPolicy: 'RequireDualStack' })
  t.is(serviceSpec(again).clusterIPs!.length, 2)
})

test('a dry run takes nothing but still sees conflicts (78)', t => {
  const allocators = open()
  create(allocators, { clusterIP: '10.96.0.10' })
  create(allocators, { type: 'NodePort' }, { dryRun: true })
  t.is(allocators.addresses[0]!.count, 1)
  t.is(allocators.ports.count, 0)
  t.throws(() => create(allocators, { clusterIP: '10.96.0.10' }, { dryRun: true }), { instanceOf: StatusError })
})

test('a request that fails half way gives back what it took', t => {
  const allocators = open()
  create(allocators, { type: 'NodePort', ports: [{ port: 80, nodePort: 31_000 }] })
  t.throws(() => create(allocators, { type: 'NodePort', ports: [{ port: 1, name: 'a', nodePort: 31_001 }, { port: 2, name: 'b', nodePort: 31_000 }] }))
  t.is(allocators.addresses[0]!.count, 1)
  t.is(allocators.ports.count, 1)
})

test('an IPv6 range of 2^64 addresses hands out addresses without walking it', t => {
  const allocators = open({ cidrs: ['fd00::/64'], random: () => 0.999 })
  const spec = serviceSpec(create(allocators, {}))
  t.true(spec.clusterIP!.startsWith('fd00::'))
  t.is(allocators.addresses[0]!.take(parseAddress(spec.clusterIP!, 'ip')), 'taken')
})

test('taken ports survive the form in which they are stored', t => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 30_000, max: 32_767 }), { maxLength: 50 }), wanted => {
    const { ports } = open()
    for (const port of wanted) ports.take(port)
    const copy = open().ports
    copy.load(ports.encode())
    t.is(copy.count, wanted.length)
    t.true(wanted.every(port => copy.has(port)))
  }))
})

const kind = fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')
const command = fc.record({
  slot: fc.nat(7), act: fc.constantFrom('put', 'delete', 'fail'), type: kind, local: fc.boolean(), ports: fc.integer({ min: 1, max: 3 }),
  nodePort: fc.option(fc.integer({ min: 30_000, max: 30_012 }), { nil: undefined }), address: fc.option(fc.integer({ min: 1, max: 13 }), { nil: undefined }),
})

test('no sequence of creates, updates, deletes and failed commits gives a number to two Services or leaks one (26)', t => {
  fc.assert(fc.property(fc.array(command, { maxLength: 60 }), commands => {
    const allocators = open({ cidrs: ['10.0.0.0/28'], first: 30_000, last: 30_012 })
    const live = new Map<number, ApiObject>()
    for (const { slot, act, type, local, ports, nodePort, address } of commands) {
      const old = live.get(slot)
      if (act === 'delete') {
        if (old !== undefined) allocators.settle(allocators.planDelete(old), 'committed')
        live.delete(slot)
        continue
      }
      const draft = service({
        type, ...(type === 'ExternalName' ? { externalName: 'a.b' } : {}),
        ...(local && type === 'LoadBalancer' ? { externalTrafficPolicy: 'Local' } : {}),
        ...(address !== undefined && type !== 'ExternalName' && old === undefined ? { clusterIP: `10.0.0.${address}` } : {}),
        ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, port: 80 + i, ...(i === 0 && nodePort !== undefined && type !== 'ClusterIP' && type !== 'ExternalName' ? { nodePort } : {}) })),
      }, `s${slot}`)
      serviceDefaults(draft)
      if (old === undefined) normalizeNewClusterIps(draft)
      else carryOver(draft, old)
      let allocation: Allocation
      try {
        allocation = allocators.plan(draft, old, { dryRun: false })
      } catch (error) {
        if (error instanceof StatusError) continue
        throw error
      }
      allocators.settle(allocation, act === 'fail' ? 'failed' : 'committed')
      if (act === 'put') live.set(slot, draft)
    }
    const addresses = [...live.values()].flatMap(object => addressesOf(serviceSpec(object)).map(formatAddress))
    t.is(new Set(addresses).size, addresses.length)
    t.is(allocators.addresses[0]!.count, addresses.length)
    const owned = [...live.values()].map(object => new Set(portNumbersOf(serviceSpec(object))))
    const all = owned.flatMap(set => [...set])
    t.is(new Set(all).size, all.length)
    t.is(allocators.ports.count, all.length)
  }), { numRuns: 300 })
})
