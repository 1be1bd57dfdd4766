// What tells this machine from others, and whether its pods still use a subnet.

import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { containsAddress, networkAddress, type Prefix } from '../../../net/ip/prefix.ts'
import { sameAddress, type Address } from '../../../net/ip/address.ts'
import { openRtnl } from '../../../net/rtnetlink/rtnl.ts'
import { entriesOf, type PerFamily } from '../per-family.ts'

/**
 * Stable over restarts, and over reboots of a machine: a hash of machine-id and host name (clones share the one, seldom both).
 * Hosts that are network namespaces of one machine are told apart by their namespace.
 */
export function machineIdentity(): string {
  const own = readlinkSync('/proc/thread-self/ns/net')
  const parts = [textOf('/etc/machine-id'), hostname(), own === namespaceOfInit() ? '' : own]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Undefined when we may not look: then the own namespace takes part, as that of a host among several. */
function namespaceOfInit(): string | undefined {
  try {
    return readlinkSync('/proc/1/ns/net')
  } catch {
    return undefined
  }
}

/** Every address that this host holds. */
export async function localAddresses({ signal }: { signal: AbortSignal }): Promise<readonly Address[]> {
  await using rtnl = openRtnl()
  return (await rtnl.addresses.list({ signal })).map(({ address }) => address)
}

/** True when an address of this host (a bridge's, as a rule) lies in one of the subnets; the tunnel device's own base address does not count. */
export async function isSubnetInUse(subnets: PerFamily<Prefix>, { signal }: { signal: AbortSignal }): Promise<boolean> {
  const prefixes = entriesOf(subnets).map(([, subnet]) => subnet)
  if (prefixes.length === 0) return false
  return (await localAddresses({ signal })).some(address => prefixes.some(prefix => containsAddress(prefix, address) && !sameAddress(address, networkAddress(prefix))))
}
