// Incremental planning against a model of the kernel: a plain map of elements that refuses what the kernel refuses.

import test from 'ava'
import fc from 'fast-check'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { parseAddress } from '../../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import type { Change, Element } from '../../../../src/net/nfnetlink/objects.ts'
import { contentText, elementText } from '../../../../src/proxy/nftables/element-change.ts'
import type { NftablesRulesetOptions } from '../../../../src/proxy/nftables/options.ts'
import { EMPTY_KERNEL, planResync, type KernelState } from '../../../../src/proxy/nftables/plan-resync.ts'
import { NftablesRuleset } from '../../../../src/proxy/nftables/ruleset.ts'
import { memoryOf } from '../../../../src/proxy/nftables/seed.ts'
import type { SetName } from '../../../../src/proxy/nftables/sets.ts'
import { ServiceTable } from '../../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../../src/proxy/tracker/tracker.ts'

const options: NftablesRulesetOptions = {
  family: 4, masqueradeMark: 1 << 14, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.244.0.0/16', 'pods') },
  nodePortAddresses: { kind: 'all', loopback: false }, serviceCidrs: [],
}

/** Elements and chains as the kernel would hold them after the changes. */
class ModelKernel {
  readonly elements = new Map<SetName, Map<string, Element>>()
  readonly chains = new Map<string, { rules: number }>()

  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'add-elements' || change.kind === 'delete-elements') {
        const name = change.in.set as SetName
        const set = this.elements.get(name) ?? new Map<string, Element>()
        this.elements.set(name, set)
        for (const element of change.elements) {
          const id = elementText(element)
          if (change.kind === 'delete-elements') {
            if (!set.delete(id)) throw new Error(`ENOENT in ${name}`)
          } else {
            const present = set.get(id)
            if (present !== undefined && contentText(present) !== contentText(element)) throw new Error(`EEXIST in ${name}`)
            set.set(id, element)
          }
        }
      }
      if (change.kind === 'add-chain') this.chains.set(change.chain.chain, { rules: 0 })
      if (change.kind === 'delete-chain' && !this.chains.delete(change.chain.chain)) throw new Error(`ENOENT chain ${change.chain.chain}`)
    }
    for (const set of this.elements.values()) {
      for (const { data } of set.values()) {
        if (data !== undefined && 'chain' in data && data.chain !== 'reject' && !this.chains.has(data.chain)) throw new Error(`no chain ${data.chain}`)
      }
    }
  }

  state(): KernelState {
    return { ...EMPTY_KERNEL, elements: new Map([...this.elements].map(([name, set]) => [name, new Map([...set].map(([id, element]) => [id, contentText(element)]))])) }
  }
}

/** Runs through all batches. */
function repairsOf(state: KernelState, ruleset: NftablesRuleset): readonly string[] {
  const batches = planResync(state, ruleset)
  for (;;) {
    const step = batches.next()
    if (step.done === true) return step.value
  }
}

const service = (n: number, shape: { sticky: boolean; local: boolean; internal: boolean; type: string; ranges: boolean }): Service =>
  ({
    metadata: { namespace: 'd', name: `s${n}`, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      type: shape.type, clusterIP: `10.96.0.${n + 1}`, clusterIPs: [`10.96.0.${n + 1}`], ipFamilies: ['IPv4'],
      ports: [{ name: 'p', port: 80, protocol: 'TCP', ...(shape.type === 'ClusterIP' ? {} : { nodePort: 30000 + n }) }],
      sessionAffinity: shape.sticky ? 'ClientIP' : 'None', ...(shape.sticky ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } } : {}),
      externalTrafficPolicy: shape.local ? 'Local' : 'Cluster', internalTrafficPolicy: shape.internal ? 'Local' : 'Cluster',
      loadBalancerSourceRanges: shape.ranges ? ['10.0.0.0/8', '10.1.0.0/16'] : [],
    },
    status: { loadBalancer: { ingress: shape.type === 'LoadBalancer' ? [{ ip: `192.0.2.${n + 1}` }] : [] } },
  }) as unknown as Service

const slice = (n: number, endpoints: readonly number[]): EndpointSlice =>
  ({
    metadata: { namespace: 'd', name: `s${n}-x`, labels: { 'kubernetes.io/service-name': `s${n}` } },
    addressType: 'IPv4', ports: [{ name: 'p', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(e => ({ addresses: [`10.244.0.${e + 1}`], nodeName: e % 3 === 0 ? 'node-1' : 'node-2', conditions: { ready: true } })),
  }) as unknown as EndpointSlice

const event = fc.oneof(
  fc.record({ kind: fc.constant('service' as const), n: fc.nat({ max: 3 }), sticky: fc.boolean(), local: fc.boolean(), internal: fc.boolean(), type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'), ranges: fc.boolean() }),
  fc.record({ kind: fc.constant('slice' as const), n: fc.nat({ max: 3 }), endpoints: fc.uniqueArray(fc.nat({ max: 12 }), { maxLength: 8 }) }),
  fc.record({ kind: fc.constant('gone' as const), n: fc.nat({ max: 3 }) }),
)

test('any sequence of changes leaves the kernel with exactly what a rebuild wants, and a restart finds nothing to do', t => {
  fc.assert(
    fc.property(fc.array(fc.array(event, { minLength: 1, maxLength: 4 }), { maxLength: 10 }), rounds => {
      const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
      const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [parseAddress('172.30.0.1', 'ip')] } as never)
      const ruleset = new NftablesRuleset(options)
      const kernel = new ModelKernel()
      for (const events of rounds) {
        for (const e of events) {
          if (e.kind === 'service') tracker.applyService(service(e.n, e))
          else if (e.kind === 'slice') tracker.applySlice(slice(e.n, e.endpoints))
          else tracker.removeService('d', `s${e.n}`)
        }
        kernel.commit(ruleset.plan(table.apply(tracker.takeChanges().ports)))
        if (rounds.indexOf(events) % 3 === 2) kernel.commit(ruleset.planIdle())
      }
      // Classes without use go in two steps.
      for (let i = 0; i < 2; i += 1) kernel.commit(ruleset.planIdle())
      const restarted = new NftablesRuleset(options, memoryOf(kernel.state().elements))
      restarted.load(table.entries())
      for (const rebuilt of [ruleset, restarted]) {
        t.deepEqual(repairsOf(kernel.state(), rebuilt).filter(repair => /^set \S+: /.test(repair)), [])
      }
      t.is(kernel.chains.size, ruleset.classChains().length)
    }),
    { numRuns: 300 },
  )
  t.pass()
})
