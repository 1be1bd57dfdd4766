// One entry of the service table as chains of its own and rules in the shared trees.

import type { Frontend } from '../service-table/frontend.ts'
import { internalSet, isExternallyUsable, reachableEndpoints, type ServiceEntry } from '../service-table/entry.ts'
import { KUBE_MARK_MASQ, serviceChainsOf, type ServiceChains } from './chain-names.ts'
import { frontendKey, hairpinKey, nodePortKey } from './keys.ts'
import { fromPod, LOCALHOST_COUNTER, notFromPod, type RulesetOptions } from './options.ts'
import { planEndpoints, type Chains } from './plan-endpoints.ts'
import { comment, destination, destinationPort, hostText, protocol, rule, source, sourceIn } from './rule.ts'

export const TREES = ['services', 'nodePorts', 'hairpin', 'refused', 'externalRefused', 'nodePortRefused', 'firewall', 'healthChecks'] as const
export type TreeName = (typeof TREES)[number]

export type LeafRule = Readonly<{ tree: TreeName; key: string; rule: string }>

/** What one service port puts into the kernel. */
export type ServicePlan = Readonly<{
  /** Chains in `nat` that belong to this port alone. */
  chains: ReadonlyMap<string, readonly string[]>
  leaves: readonly LeafRule[]
}>

export type PlanServiceOptions = RulesetOptions & Readonly<{ endpointComments: boolean }>

export function planService(entry: ServiceEntry, options: PlanServiceOptions): ServicePlan {
  const chains: Chains = new Map()
  const names = serviceChainsOf(entry.port.text, entry.port.protocol)
  planSets(entry, names, options, chains)
  planExternal(entry, names, options, chains)
  return { chains, leaves: [...entry.frontends.flatMap(frontend => leavesOf(entry, frontend, names)), ...nodeLeaves(entry, options)] }
}

/** The cluster set and the local set, the one for internal traffic opening with the masquerade rule. */
function planSets(entry: ServiceEntry, names: ServiceChains, options: PlanServiceOptions, chains: Chains): void {
  for (const set of ['cluster', 'local'] as const) {
    const endpoints = entry[set]
    if (endpoints.length === 0) continue
    const inner = planEndpoints({ port: entry.port, family: options.family, set, endpoints, commented: options.endpointComments }, chains)
    const masquerade = endpoints === internalSet(entry) ? masqueradeRule(entry, options) : undefined
    chains.set(names[set], masquerade === undefined ? inner : [masquerade, ...inner])
  }
}

function masqueradeRule({ port }: ServiceEntry, options: PlanServiceOptions): string | undefined {
  const who = options.masqueradeAll ? '' : notFromPod(options.detector)
  if (who === undefined) return undefined
  const [sourceMatch, inputMatch] = /-i /.test(who) ? ['', who] : [who, '']
  return rule(sourceMatch, destination(port.clusterIp), inputMatch, protocol(port.protocol), comment(`${port.text} cluster IP`), destinationPort(port.protocol, port.port), `-j ${KUBE_MARK_MASQ}`)
}

function planExternal(entry: ServiceEntry, names: ServiceChains, options: PlanServiceOptions, chains: Chains): void {
  if (!isExternallyUsable(entry)) return
  chains.set(names.external, [...loopbackCount(entry, options), ...(entry.port.externalPolicyLocal ? localPolicy(entry, names, options) : clusterPolicy(entry, names))])
  if (isGuarded(entry)) chains.set(names.firewall, sourceRangeRules(entry, names))
}

/** Counts packets that reach the node port through the loopback net, for kube-proxy's metric of the same name. */
function loopbackCount({ port }: ServiceEntry, options: PlanServiceOptions): readonly string[] {
  if (!options.guardLoopback || !options.counters || port.nodePort === undefined) return []
  return [`-d 127.0.0.0/8 -m nfacct --nfacct-name ${LOCALHOST_COUNTER}`]
}

function clusterPolicy({ port }: ServiceEntry, names: ServiceChains): readonly string[] {
  return [rule(comment(`masquerade traffic for ${port.text} external destinations`), `-j ${KUBE_MARK_MASQ}`), `-j ${names.cluster}`]
}

/** Pods and processes of this node may leave it (nothing is gained by dropping them); others stay. */
function localPolicy(entry: ServiceEntry, names: ServiceChains, options: PlanServiceOptions): readonly string[] {
  const { text } = entry.port
  const pod = fromPod(options.detector)
  const node = '-m addrtype --src-type LOCAL'
  return [
    ...(pod === undefined ? [] : [rule(pod, comment(`pod traffic for ${text} external destinations`), `-j ${names.cluster}`)]),
    rule(comment(`masquerade LOCAL traffic for ${text} external destinations`), node, `-j ${KUBE_MARK_MASQ}`),
    rule(comment(`route LOCAL traffic for ${text} external destinations`), node, `-j ${names.cluster}`),
    ...(entry.local.length === 0 ? [] : [`-j ${names.local}`]),
  ]
}

const isGuarded = (entry: ServiceEntry): boolean => entry.port.sourceRanges.length > 0 && entry.port.loadBalancerVips.length > 0

function sourceRangeRules(entry: ServiceEntry, names: ServiceChains): readonly string[] {
  const { port } = entry
  const note = comment(`${port.text} loadbalancer IP`)
  return [
    ...port.sourceRanges.map(range => rule(sourceIn(range), note, `-j ${names.external}`)),
    ...(entry.nodeInSourceRanges ? port.loadBalancerVips.map(vip => rule(source(vip), note, `-j ${names.external}`)) : []),
    comment(`other traffic to ${port.text} will be dropped by KUBE-PROXY-FIREWALL`),
  ]
}

const NOUN = { 'cluster-ip': 'cluster IP', 'external-ip': 'external IP', 'load-balancer': 'loadbalancer IP' } as const

function leavesOf(entry: ServiceEntry, frontend: Frontend, names: ServiceChains): readonly LeafRule[] {
  const { port } = entry
  if (frontend.kind === 'node-port') {
    const key = nodePortKey(port.protocol, frontend.port)
    const to = (note: string, target: string): string => rule(protocol(port.protocol), comment(note), destinationPort(port.protocol, frontend.port), target)
    const refusal = externalRefusal(entry)
    return [
      ...(entry.usableAnywhere ? [{ tree: 'nodePorts', key, rule: to(port.text, `-j ${names.external}`) } as const] : []),
      ...(refusal === undefined ? [] : [{ tree: 'nodePortRefused', key, rule: to(refusal.note, refusal.target) } as const]),
    ]
  }
  const key = frontendKey(frontend.address, port.protocol, frontend.port)
  const to = (note: string, target: string): string =>
    rule(destination(frontend.address), protocol(port.protocol), comment(note), destinationPort(port.protocol, frontend.port), target)
  const serve = (target: string): LeafRule => ({ tree: 'services', key, rule: to(`${port.text} ${NOUN[frontend.kind]}`, `-j ${target}`) })
  if (frontend.kind === 'cluster-ip') {
    const refusal = internalRefusal(entry)
    return refusal === undefined
      ? [serve(port.internalPolicyLocal ? names.local : names.cluster)]
      : [{ tree: 'refused', key, rule: to(refusal.note, refusal.target) }]
  }
  const guarded = frontend.kind === 'load-balancer' && isGuarded(entry)
  const refusal = externalRefusal(entry)
  return [
    ...(entry.usableAnywhere ? [serve(guarded ? names.firewall : names.external)] : []),
    ...(refusal === undefined ? [] : [{ tree: 'externalRefused', key, rule: to(refusal.note, refusal.target) } as const]),
    ...(guarded && entry.usableAnywhere
      ? [{ tree: 'firewall', key, rule: to(`${port.text} traffic not accepted by ${names.firewall}`, '-j DROP') } as const]
      : []),
  ]
}

type Refusal = Readonly<{ note: string; target: string }>

const nobody = (entry: ServiceEntry): Refusal => ({
  note: `${entry.port.text} has no endpoints`,
  target: `-j REJECT --reject-with ${entry.port.clusterIp.family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`,
})
const nobodyHere = (entry: ServiceEntry): Refusal => ({ note: `${entry.port.text} has no local endpoints`, target: '-j DROP' })

function internalRefusal(entry: ServiceEntry): Refusal | undefined {
  if (!entry.usableAnywhere) return nobody(entry)
  return internalSet(entry).length === 0 ? nobodyHere(entry) : undefined
}

/** What is refused here falls through the EXT chain first: pods and processes of this node were sent on there. */
function externalRefusal(entry: ServiceEntry): Refusal | undefined {
  if (!entry.usableAnywhere) return nobody(entry)
  return entry.port.externalPolicyLocal && entry.local.length === 0 ? nobodyHere(entry) : undefined
}

/** Rules about this node: connections of an endpoint to itself, and health checks from outside. */
function nodeLeaves(entry: ServiceEntry, options: PlanServiceOptions): readonly LeafRule[] {
  const leaves: LeafRule[] = []
  for (const { address, locality } of reachableEndpoints(entry)) {
    // An endpoint without a node name may well be here.
    if (locality === 'remote') continue
    const text = `-s ${hostText(address)} -d ${hostText(address)} -m conntrack --ctstate DNAT -j MASQUERADE`
    leaves.push({ tree: 'hairpin', key: hairpinKey(address), rule: options.randomFully ? `${text} --random-fully` : text })
  }
  const { healthCheckNodePort: check, namespace, name } = entry.port
  if (check !== undefined) {
    const accept = rule('-p tcp', comment(`${namespace}/${name} health check node port`), `-m tcp --dport ${check}`, '-j ACCEPT')
    leaves.push({ tree: 'healthChecks', key: nodePortKey('TCP', check), rule: accept })
  }
  return leaves
}
