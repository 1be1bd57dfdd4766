// Choosing one of many endpoints, uniformly: a list of `statistic` matches for a few, a tree of such lists for many.

import type { Family } from '../../net/ip/address.ts'
import type { Endpoint } from '../tracker/endpoint.ts'
import type { ServicePort } from '../tracker/service-port.ts'
import { endpointChainOf, groupChainOf } from './chain-names.ts'
import { comment, probability, protocol, rule } from './rule.ts'

export type Chains = Map<string, readonly string[]>

/** Longest list; a packet passes half of it on average. */
const LIST_LENGTH = 16
/** Levels of groups, so that jumps stay within nf_tables' limit of 16. Three levels hold 65,536 endpoints. */
const MAX_GROUP_DEPTH = 3

export type EndpointSet = Readonly<{
  port: ServicePort
  family: Family
  set: 'cluster' | 'local'
  endpoints: readonly Endpoint[]
  /** Comments on endpoint rules help people and cost memory: kube-proxy leaves them out above 1,000 endpoints. */
  commented: boolean
}>

/**
 * The rules that send a packet to one of `endpoints`, and the chains they need.
 * With affinity, a client that came to an endpoint within the time-out goes there again, whichever set it is in.
 */
export function planEndpoints(want: EndpointSet, chains: Chains): readonly string[] {
  const { port, endpoints } = want
  if (port.affinityTimeoutSeconds === undefined) return planChoice(want, endpoints, '', chains)
  for (const endpoint of endpoints) {
    const chain = endpointChainOf(port.text, port.protocol, endpoint.identity)
    chains.set(chain, [rule(protocol(port.protocol), noted(want, port.text), recent(want, chain, '--set'), dnat(endpoint))])
  }
  const sticky = endpoints.map(endpoint => {
    const chain = endpointChainOf(port.text, port.protocol, endpoint.identity)
    return rule(noted(want, `${port.text} -> ${endpoint.identity}`), recent(want, chain, `--rcheck --seconds ${port.affinityTimeoutSeconds} --reap`), `-j ${chain}`)
  })
  return [...sticky, ...planChoice(want, endpoints, '', chains)]
}

function planChoice(want: EndpointSet, endpoints: readonly Endpoint[], path: string, chains: Chains): readonly string[] {
  if (endpoints.length <= LIST_LENGTH || path.length >= MAX_GROUP_DEPTH) {
    return endpoints.map((endpoint, i) => endpointRule(want, endpoint, chance(1, endpoints.length - i)))
  }
  let left = endpoints.length
  return [...groups(endpoints, path.length)].map(([digit, members]) => {
    const chain = groupChainOf(want.port.text, want.port.protocol, want.set, path + digit)
    chains.set(chain, planChoice(want, members, path + digit, chains))
    const line = rule(noted(want, want.port.text), chance(members.length, left), `-j ${chain}`)
    left -= members.length
    return line
  })
}

/** Undefined for the last one, which takes whatever is left. */
const chance = (part: number, whole: number): string | undefined => (part === whole ? undefined : probability(part, whole))

/** Members by a digit of their identity's hash: one more or less leaves the other groups as they are. */
function groups(endpoints: readonly Endpoint[], level: number): ReadonlyMap<string, readonly Endpoint[]> {
  const found = new Map<string, Endpoint[]>()
  for (const endpoint of endpoints) {
    const digit = ((fnv1a(endpoint.identity) >>> (4 * level)) & 15).toString(16)
    const group = found.get(digit)
    if (group === undefined) found.set(digit, [endpoint])
    else group.push(endpoint)
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** FNV-1a, 32 bits (draft-eastlake-fnv), with the high half folded in: its low bits alone spread badly. */
function fnv1a(text: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
  return hash ^ (hash >>> 16)
}

function endpointRule(want: EndpointSet, endpoint: Endpoint, odds: string | undefined): string {
  const { port } = want
  const note = noted(want, `${port.text} -> ${endpoint.identity}`)
  return port.affinityTimeoutSeconds === undefined
    ? rule(protocol(port.protocol), note, odds, dnat(endpoint))
    : rule(note, odds, `-j ${endpointChainOf(port.text, port.protocol, endpoint.identity)}`)
}

const noted = (want: EndpointSet, text: string): string | undefined => (want.commented ? comment(text) : undefined)

const dnat = (endpoint: Endpoint): string => `-j DNAT --to-destination ${endpoint.identity}`

const WHOLE_ADDRESS = { 4: '255.255.255.255', 6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' } as const

/** The list of clients is named after the endpoint's chain, as kube-proxy names it: it survives a switch. */
const recent = (want: EndpointSet, list: string, action: string): string =>
  `-m recent ${action} --name ${list} --mask ${WHOLE_ADDRESS[want.family]} --rsource`
