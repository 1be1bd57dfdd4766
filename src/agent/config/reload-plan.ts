// What a changed network configuration means for a running host: taken over at once, or only at the next start. Pure.

import { formatAddress } from '../../net/ip/address.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { entriesOf, FAMILIES } from '../leases/per-family.ts'
import type { BackendConfig, VxlanConfig } from './backend-config.ts'
import type { NetworkConfig } from './network-config.ts'

export type Reload = Readonly<{
  /** The running configuration with everything that can change under running pods. */
  config: NetworkConfig
  /** "Backend.MTU 1500 -> 1400": in force from now on. */
  applied: readonly string[]
  /** The same, waiting for a start: it would renumber, re-make devices, or cut hosts off that have not changed yet. */
  waiting: readonly string[]
}>

/** Options of vxlan that this host can change by itself, whatever the others do. */
const AT_ONCE = { mtu: 'Backend.MTU', directRouting: 'Backend.DirectRouting', txChecksumOffload: 'Backend.TxChecksumOffload' } as const satisfies Partial<Record<keyof VxlanConfig, string>>

export function planReload(running: NetworkConfig, wanted: NetworkConfig): Reload {
  const backend = takeOver(running.backend, wanted.backend)
  const config = { ...running, backend }
  return { config, applied: differences(running, config), waiting: differences(config, wanted) }
}

function takeOver(running: BackendConfig, wanted: BackendConfig): BackendConfig {
  if (running.kind === 'ipip' && wanted.kind === 'ipip') return wanted
  if (running.kind !== 'vxlan' || wanted.kind !== 'vxlan') return running
  return { ...running, mtu: wanted.mtu, directRouting: wanted.directRouting, txChecksumOffload: wanted.txChecksumOffload }
}

/** Every member that differs, by the name it has in the file where that is another, with both values. */
function differences(before: NetworkConfig, after: NetworkConfig): readonly string[] {
  const [from, to] = [membersOf(before), membersOf(after)]
  return [...new Set([...from.keys(), ...to.keys()])].filter(name => from.get(name) !== to.get(name)).map(name => `${name} ${from.get(name) ?? 'none'} -> ${to.get(name) ?? 'none'}`)
}

function membersOf(config: NetworkConfig): ReadonlyMap<string, string> {
  const members = new Map([['EnableNFTables', String(config.enableNftables)]])
  for (const family of FAMILIES) members.set(`EnableIPv${family}`, String(config.pools[family] !== undefined))
  for (const [family, pool] of entriesOf(config.pools)) {
    const prefix = family === 4 ? '' : 'IPv6'
    members.set(`${prefix}Network`, formatPrefix(pool.network)).set(`${prefix}SubnetLen`, String(pool.subnetLength))
    members.set(`${prefix}SubnetMin`, formatAddress(pool.first)).set(`${prefix}SubnetMax`, formatAddress(pool.last))
  }
  const names: Readonly<Record<string, string>> = { kind: 'Backend.Type', ...AT_ONCE }
  for (const [name, value] of Object.entries(config.backend)) {
    // A pre-shared key must not end up in a log.
    const text = name === 'psk' ? (value === undefined ? 'none' : 'set') : value === undefined ? 'default' : typeof value === 'object' ? JSON.stringify(value) : String(value)
    members.set(names[name] ?? `Backend.${name[0]!.toUpperCase()}${name.slice(1)}`, text)
  }
  return members
}
