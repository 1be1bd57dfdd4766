import test from 'ava'
import fc from 'fast-check'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { formatAddress } from '../../../../src/net/ip/address.ts'
import { formatPrefix } from '../../../../src/net/ip/prefix.ts'
import { parseLenientAddress, parseLenientPrefix } from '../../../../src/proxy/tracker/lenient-ip.ts'
import { readService, type Problem } from '../../../../src/proxy/tracker/read-service.ts'
import { Tracker } from '../../../../src/proxy/tracker/tracker.ts'
import { history, lastState, tell } from '../arbitrary.ts'

const open = (startedAtMs = 0): Tracker => new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs })

const web = (spec: Partial<Service['spec']> = {}, metadata: object = {}): Service => ({
  metadata: { namespace: 'ns', name: 'web', ...metadata },
  spec: { clusterIP: '172.30.0.1', ports: [{ name: 'http', port: 80 }], ...spec },
})

const slice = (addresses: readonly string[], annotations: Record<string, string> = {}): EndpointSlice => ({
  metadata: { namespace: 'ns', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' }, annotations },
  addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints: addresses.map(address => ({ addresses: [address] })),
})

const read = (service: Service, problems: Problem[] = []) => readService(service, { family: 4, allowExternalIps: true }, problems)

test('addresses are read leniently and written canonically', t => {
  t.is(formatAddress(parseLenientAddress('172.30.0.041')!), '172.30.0.41')
  t.is(formatPrefix(parseLenientPrefix('203.0.113.000/025')!), '203.0.113.0/25')
  t.is(formatPrefix(parseLenientPrefix('203.0.113.77/25')!), '203.0.113.0/25')
  for (const text of ['', '300.1.1.1', '1.2.3', 'x']) t.is(parseLenientAddress(text), undefined)
})

test('a change is told once, with its before and after, and metadata alone is no change', t => {
  const tracker = open()
  tracker.applyService(web())
  tracker.applySlice(slice(['10.0.0.1']))
  const [added] = tracker.takeChanges().ports
  t.is(added?.before, undefined)
  t.deepEqual(added?.after?.endpoints.map(({ identity }) => identity), ['10.0.0.1:8080'])
  tracker.applyService(web({}, { labels: { a: 'b' }, resourceVersion: '7' }))
  tracker.applySlice(slice(['10.0.0.1'], { some: 'note' }))
  t.false(tracker.hasChanges)
  t.deepEqual(tracker.takeChanges().ports, [])
  tracker.applySlice(slice(['10.0.0.2']))
  tracker.applySlice(slice(['10.0.0.3']))
  const [changed] = tracker.takeChanges().ports
  t.deepEqual(changed?.before?.endpoints.map(({ identity }) => identity), ['10.0.0.1:8080'])
  t.deepEqual(changed?.after?.endpoints.map(({ identity }) => identity), ['10.0.0.3:8080'])
  tracker.removeService('ns', 'web')
  t.is(tracker.takeChanges().ports[0]?.after, undefined)
})

test('a slice may change its owner, and removing an unknown one is nothing', t => {
  const tracker = open()
  tracker.applyService(web())
  tracker.applySlice(slice(['10.0.0.1']))
  tracker.takeChanges()
  tracker.applySlice({ ...slice(['10.0.0.1']), metadata: { namespace: 'ns', name: 'web-1', labels: { 'kubernetes.io/service-name': 'other' } } })
  t.deepEqual(tracker.takeChanges().ports[0]?.after?.endpoints, [])
  tracker.removeSlice('ns', 'never-seen')
  t.false(tracker.hasChanges)
})

test('the order in which a batch of events arrives does not matter', t => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (batches, random) => {
      const last = lastState(batches.flat())
      const shuffled = last.map(event => ({ event, key: random.next().value as number })).sort((a, b) => a.key - b.key).map(({ event }) => event)
      const [one, two] = [open(), open()]
      for (const event of batches.flat()) tell(one, event)
      for (const event of shuffled) tell(two, event)
      const texts = (tracker: Tracker): readonly string[] =>
        tracker.takeChanges().ports.map(({ key, after }) => `${key} ${after?.endpoints.map(e => `${e.identity}${e.ready}${e.serving}${e.terminating}${e.locality}`).join(' ')}`).sort()
      t.deepEqual(texts(one), texts(two))
    }),
    { numRuns: 100 },
  )
})

test('trigger times are kept until taken, unless older than the process or the slice is gone', t => {
  const tracker = open(Date.parse('2026-01-01T00:00:00Z'))
  const at = (time: string): Record<string, string> => ({ 'endpoints.kubernetes.io/last-change-trigger-time': time })
  tracker.applyService(web())
  tracker.applySlice(slice(['10.0.0.1'], at('2026-01-01T00:00:05.123456789Z')))
  tracker.applySlice(slice(['10.0.0.2'], at('2025-12-31T00:00:00Z')))
  tracker.applySlice(slice(['10.0.0.3'], at('nonsense')))
  t.deepEqual(tracker.takeChanges().triggerTimesMs, [Date.parse('2026-01-01T00:00:05.123Z')])
  tracker.applySlice(slice(['10.0.0.4'], at('2026-01-01T00:00:06Z')))
  tracker.removeSlice('ns', 'web-1')
  t.deepEqual(tracker.takeChanges().triggerTimesMs, [])
})

test('a Service that is not ours to serve has no ports', t => {
  t.is(read(web({ clusterIP: 'None' })).length, 0)
  t.is(read(web({ clusterIP: '' })).length, 0)
  t.is(read(web({ type: 'ExternalName' })).length, 0)
  t.is(read(web({}, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } })).length, 0)
  t.is(read(web({ clusterIP: 'fd00::1', clusterIPs: ['fd00::1'], ipFamilies: ['IPv6'] })).length, 0)
})

test('the cluster IP of a family is found by its place in ipFamilies', t => {
  const dual = web({ clusterIP: 'fd00::1', clusterIPs: ['fd00::1', '172.30.0.9'], ipFamilies: ['IPv6', 'IPv4'] })
  t.is(formatAddress(read(dual)[0]!.clusterIp), '172.30.0.9')
  t.is(formatAddress(readService(dual, { family: 6, allowExternalIps: true }, [])[0]!.clusterIp), 'fd00::1')
})

test('what cannot be used is reported with object and field, and the rest is used', t => {
  const problems: Problem[] = []
  const [port] = read(web({ type: 'LoadBalancer', externalIPs: ['1.2.3', '192.168.99.11', ''], loadBalancerSourceRanges: [' 10.0.0.0/8 ', 'x'], ports: [{ name: 'http', port: 80 }, { name: 'bad', port: 99_999 }] }), problems)
  t.deepEqual(port?.externalIps.map(formatAddress), ['192.168.99.11'])
  t.deepEqual(port?.sourceRanges.map(formatPrefix), ['10.0.0.0/8'])
  t.deepEqual(problems.map(({ object, field }) => `${object} ${field}`), ['Service ns/web spec.externalIPs', 'Service ns/web spec.loadBalancerSourceRanges', 'Service ns/web spec.ports[1].port'])
})

test('policies count only where they mean something', t => {
  const one = (spec: Partial<Service['spec']>) => read(web(spec))[0]!
  t.false(one({ externalTrafficPolicy: 'Local' }).externalPolicyLocal)
  t.true(one({ externalTrafficPolicy: 'Local', externalIPs: ['192.168.99.11'] }).externalPolicyLocal)
  t.true(one({ externalTrafficPolicy: 'Local', type: 'NodePort' }).externalPolicyLocal)
  t.is(one({ type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', healthCheckNodePort: 30_000 }).healthCheckNodePort, undefined)
  t.is(one({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_000 }).healthCheckNodePort as number, 30_000)
  t.is(one({ sessionAffinity: 'ClientIP' }).affinityTimeoutSeconds, 10_800)
  t.is(one({}).affinityTimeoutSeconds, undefined)
})
