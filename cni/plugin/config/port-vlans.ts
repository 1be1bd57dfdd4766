// VLANs of a pod's bridge port: the bridge plugin's keys `vlan`, `vlanTrunk` and `preserveDefaultVlan`.

import { VLAN_IDS, type PortVlan } from '../../../src/net/rtnetlink/bridge-vlans.ts'
import { CniError } from '../cni-error.ts'
import type { Fields } from '../request/fields.ts'

/** What a port of a filtering bridge carries besides what the kernel gives every new port. */
export type PortVlans = Readonly<{
  /** VLAN of what the pod sends and receives without a tag; undefined: none was asked for. */
  native: number | undefined
  /** VLANs that the pod itself tags, in runs. */
  trunk: readonly Readonly<{ first: number; last: number }>[]
  /** The port stays in the bridge's default VLAN too. */
  keepsDefault: boolean
}>

/** Native VLAN of a trunk that names none, as the upstream plugin has it. */
const DEFAULT_NATIVE = 1

/** Undefined when the configuration has nothing to do with VLANs: the bridge need not filter. */
export function readPortVlans(config: Fields, bridge: string): PortVlans | undefined {
  const vlan = config.integer('vlan') ?? 0
  if (vlan < 0 || vlan > VLAN_IDS.last) throw invalid(`vlan: ${vlan} is not between 0 and ${VLAN_IDS.last}`)
  if (vlan === 0 && config.array('vlanTrunk') === undefined) return undefined
  if (vlan !== 0 && Buffer.byteLength(vlanGatewayName(bridge, vlan)) > MOST_NAME_BYTES) {
    throw invalid(`bridge: ${JSON.stringify(bridge)} is too long: the link ${vlanGatewayName(bridge, vlan)} would need more than ${MOST_NAME_BYTES} bytes`)
  }
  const ids = new Set(config.objects('vlanTrunk').flatMap(readTrunkIds))
  return { native: vlan === 0 ? undefined : vlan, trunk: runsOf(ids), keepsDefault: config.boolean('preserveDefaultVlan') ?? false }
}

/** The host's own link in a VLAN of a bridge, which carries its gateway addresses. */
export const vlanGatewayName = (bridge: string, vlan: number): string => `${bridge}.${vlan}`

/** IFNAMSIZ (linux/if.h) less the terminating zero. */
const MOST_NAME_BYTES = 15

/** Everything the port is to carry; undefined: what the kernel gave it, since nothing was asked for by number. */
export function portVlansToSet({ native, trunk }: PortVlans): readonly PortVlan[] | undefined {
  if (native === undefined && trunk.length === 0) return undefined
  const untagged = native ?? DEFAULT_NATIVE
  // A trunk that names the native VLAN too does not turn it into a tagged one.
  const tagged = runsOf(new Set(trunk.flatMap(idsOf).filter(id => id !== untagged)))
  return [{ first: untagged, last: untagged, pvid: true, untagged: true }, ...tagged.map(run => ({ ...run, pvid: false, untagged: false }))]
}

/** What must have been asked for, so that a port carries `present`; undefined for one that is only in the default VLAN. */
export function portVlansFrom(present: readonly PortVlan[]): PortVlans | undefined {
  const native = present.find(({ pvid }) => pvid)?.first
  const trunk = present.filter(({ pvid, untagged }) => !pvid && !untagged).map(({ first, last }) => ({ first, last }))
  if (trunk.length === 0 && (native === undefined || native === DEFAULT_NATIVE)) return undefined
  return { native: native === DEFAULT_NATIVE ? undefined : native, trunk, keepsDefault: present.some(({ pvid, untagged }) => !pvid && untagged) }
}

/** The bridge's default VLAN besides `vlans`, as the kernel gives it to a new port, less the flag that only one may have. */
export const withDefault = (vlans: readonly PortVlan[]): readonly PortVlan[] =>
  vlans.some(({ first }) => first === DEFAULT_NATIVE) ? vlans : [{ first: DEFAULT_NATIVE, last: DEFAULT_NATIVE, pvid: false, untagged: true }, ...vlans]

/** Whether a port that carries `present` carries what is asked for; the default VLAN may stay where it is kept. */
export function carriesVlans(wanted: PortVlans, present: readonly PortVlan[] | undefined): boolean {
  const exact = portVlansToSet(wanted)
  if (exact === undefined) return true
  const carried = flagsById(present ?? [])
  const needed = flagsById(exact)
  if (![...needed].every(([id, flags]) => carried.get(id) === flags)) return false
  return [...carried.keys()].every(id => needed.has(id) || (wanted.keepsDefault && id === DEFAULT_NATIVE))
}

const flagsById = (vlans: readonly PortVlan[]): ReadonlyMap<number, string> =>
  new Map(vlans.flatMap(({ pvid, untagged, ...run }) => idsOf(run).map(id => [id, `${pvid} ${untagged}`] as const)))

function readTrunkIds(item: Fields): readonly number[] {
  const [id, minId, maxId] = [readId(item, 'id'), readId(item, 'minID'), readId(item, 'maxID')]
  if ((minId === undefined) !== (maxId === undefined)) throw invalid(`${item.name(minId === undefined ? 'minID' : 'maxID')}: is missing: minID and maxID stand together`)
  if (minId !== undefined && maxId! < minId) throw invalid(`${item.name('minID')}: ${minId} is greater than maxID ${maxId}`)
  return [...(id === undefined ? [] : [id]), ...(minId === undefined ? [] : idsOf({ first: minId, last: maxId! }))]
}

function readId(item: Fields, key: string): number | undefined {
  const id = item.integer(key)
  if (id !== undefined && (id < VLAN_IDS.first || id > VLAN_IDS.last)) throw invalid(`${item.name(key)}: ${id} is not between ${VLAN_IDS.first} and ${VLAN_IDS.last}`)
  return id
}

const idsOf = ({ first, last }: Readonly<{ first: number; last: number }>): readonly number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index)

function runsOf(ids: ReadonlySet<number>): readonly Readonly<{ first: number; last: number }>[] {
  const runs: { first: number; last: number }[] = []
  for (const id of [...ids].toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run !== undefined && run.last === id - 1) run.last = id
    else runs.push({ first: id, last: id })
  }
  return runs
}

const invalid = (message: string): CniError => new CniError('CNI_INVALID_NETWORK_CONFIG', message)
