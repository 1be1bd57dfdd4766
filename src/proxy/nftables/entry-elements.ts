// The elements of one entry of the service table, given which endpoint stands at which index.

import { addressToBytes } from '../../net/ip/address.ts'
import type { Verdict } from '../../net/nfnetlink/data.ts'
import { isExternallyUsable, reachableEndpoints, type ServiceEntry } from '../service-table/entry.ts'
import type { Frontend } from '../service-table/frontend.ts'
import { chainName, type Balancing, type ClassChain, type FrontendKind } from './class-chain.ts'
import { endpointValue, frontendKey, joined, keyBytes, keyText, nodePortKey, registerNumber, type View } from './keys.ts'
import { MEMBERS, type SetName } from './sets.ts'
import type { Slots } from './slots.ts'
import { sourceRangeElements } from './source-ranges.ts'
import type { Stickiness } from './stickiness.ts'


export type EntryElement = Readonly<{ set: SetName; key: Uint8Array; keyEnd?: Uint8Array; intervalEnd?: boolean; data?: Uint8Array | Verdict; comment?: string }>

export type EntrySlots = Readonly<Record<View, Slots>>
export const NO_SLOTS: EntrySlots = { cluster: [], local: [] }

/** An entry with what the kernel's elements remember of it: where its endpoints stand, and their numbers if clients stick. */
export type PlacedEntry = Readonly<{ entry: ServiceEntry; slots: EntrySlots; stickiness: Stickiness | undefined }>

/** The endpoint values of one view, as `assignSlots` takes them. */
export const wantedSlots = (entry: ServiceEntry, view: View): readonly string[] =>
  entry[view].map(endpoint => keyText(endpointValue(endpoint.address, endpoint.port)))

export const frontendKind = (frontend: Frontend): FrontendKind => (frontend.kind === 'node-port' ? 'node-port' : 'address')

export const keyOf = (frontend: Frontend): Uint8Array =>
  frontend.kind === 'node-port' ? nodePortKey(frontend.protocol, frontend.port) : frontendKey(frontend.address, frontend.protocol, frontend.port)

/** The views under which a frontend is balanced; none when nobody may use it. */
export function viewsOf(entry: ServiceEntry, frontend: Frontend): readonly View[] {
  if (frontend.kind === 'cluster-ip') return entry.usableAnywhere ? [entry.port.internalPolicyLocal ? 'local' : 'cluster'] : []
  if (!isExternallyUsable(entry)) return []
  return entry.port.externalPolicyLocal ? ['cluster', 'local'] : ['cluster']
}

/**
 * Elements that belong to this entry alone, but for its endpoints by index (see stations.ts). `numberOf` tells the number of
 * a class by its chain's name.
 */
export const ownElements = (placed: PlacedEntry, numberOf: (chain: string) => number): readonly EntryElement[] =>
  [...placed.entry.frontends.flatMap(frontend => frontendElements(placed, frontend, numberOf)), ...stickyElements(placed)]

/** Elements that several entries may ask for: present as long as one does. */
export function sharedElements(entry: ServiceEntry): readonly EntryElement[] {
  const near = reachableEndpoints(entry).filter(endpoint => endpoint.locality !== 'remote')
  return [
    { set: 'cluster-ips', key: addressToBytes(entry.port.clusterIp) },
    ...near.map(({ address }) => ({ set: 'hairpin' as const, key: joined(addressToBytes(address), addressToBytes(address)) })),
  ]
}

/** The class chains that the entry's elements lead to; one may come twice. */
export const classesOf = (placed: PlacedEntry): readonly ClassChain[] =>
  placed.entry.frontends.flatMap(frontend => (viewsOf(placed.entry, frontend).length === 0 ? [] : [classOf(placed, frontend)]))

function frontendElements(placed: PlacedEntry, frontend: Frontend, numberOf: (chain: string) => number): readonly EntryElement[] {
  const { entry, stickiness } = placed
  const comment = entry.port.text
  const kind = frontendKind(frontend)
  const key = keyOf(frontend)
  const guards = frontend.kind === 'load-balancer' ? sourceRangeElements(entry, key) : []
  if (viewsOf(entry, frontend).length === 0) {
    return [...guards, { set: kind === 'node-port' ? 'no-endpoint-node-ports' : 'no-endpoints', key, comment }]
  }
  const number: readonly EntryElement[] =
    stickiness === undefined ? [] : [{ set: kind === 'node-port' ? 'sticky-node-ports' : 'sticky-services', key, data: registerNumber(stickiness.service) }]
  const data = registerNumber(numberOf(chainName(classOf(placed, frontend))))
  return [...guards, ...number, { set: kind === 'node-port' ? 'node-ports' : 'services', key, data, comment }]
}

/** Numbers of endpoints: what they stand for, and who may be stuck to. */
function stickyElements({ slots, stickiness }: PlacedEntry): readonly EntryElement[] {
  if (stickiness === undefined) return []
  const number = (endpoint: string): Uint8Array => registerNumber(stickiness.endpoints.get(endpoint)!)
  return [
    ...[...stickiness.endpoints.keys()].map((endpoint): EntryElement => ({ set: 'sticky-addresses', key: number(endpoint), data: keyBytes(endpoint) })),
    ...(['cluster', 'local'] as const).flatMap(view => slots[view].map((endpoint): EntryElement => ({ set: MEMBERS[view], key: number(endpoint) }))),
  ]
}

const balancing = ({ entry, slots }: PlacedEntry, view: View): Balancing => {
  const affinitySeconds = entry.port.affinityTimeoutSeconds
  return { view, count: slots[view].length, ...(affinitySeconds === undefined ? {} : { affinitySeconds }) }
}

/** How a frontend that somebody may use is balanced. */
const classOf = (placed: PlacedEntry, frontend: Frontend): ClassChain =>
  frontend.kind === 'cluster-ip' ? internalClass(placed) : externalClass(placed, frontendKind(frontend))

function internalClass(placed: PlacedEntry): ClassChain {
  const way = balancing(placed, placed.entry.port.internalPolicyLocal ? 'local' : 'cluster')
  return way.count === 0 ? { policy: 'nowhere' } : { frontend: 'address', policy: 'internal', balancing: way }
}

function externalClass(placed: PlacedEntry, frontend: FrontendKind): ClassChain {
  const all = balancing(placed, 'cluster')
  if (all.count === 0) return { policy: 'nowhere' }
  if (!placed.entry.port.externalPolicyLocal) return { frontend, policy: 'external', balancing: all }
  return { frontend, policy: 'external-local', local: balancing(placed, 'local'), all }
}
