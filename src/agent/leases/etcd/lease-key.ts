// Names of lease keys: "10.5.52.0-24", or in dual stack "10.5.52.0-24&fd00:12:13::-56". flannel's grammar; a key under
// the prefix that does not follow it makes every flanneld drop its peers, so none other is ever written.

import { formatAddress, tryParseAddress, type Family } from '../../../net/ip/address.ts'
import { networkAddress, prefixOf, type Prefix } from '../../../net/ip/prefix.ts'
import { InputError } from '../../../ops/errors.ts'
import type { PerFamily } from '../per-family.ts'

const GRAMMAR = /^(\d{1,3}(?:\.\d{1,3}){3})-(\d{1,2})(?:&([a-f\d:]+)-(\d{1,3}))?$/

/** Longest prefix that flannel's grammar takes. */
const LONGEST = { 4: 31, 6: 127 } as const satisfies Record<Family, number>

const nameOf = (subnet: Prefix): string => `${formatAddress(networkAddress(subnet))}-${subnet.length}`

/** Throws InputError without an IPv4 subnet: there is no such key. */
export function formatLeaseKey(subnets: PerFamily<Prefix>): string {
  if (subnets[4] === undefined) throw new InputError('subnet', null, 'has no IPv4 part, which an etcd lease key needs')
  return subnets[6] === undefined ? nameOf(subnets[4]) : `${nameOf(subnets[4])}&${nameOf(subnets[6])}`
}

/** The subnets a key names, host bits cleared; undefined when it is no lease key. */
export function parseLeaseKey(name: string): PerFamily<Prefix> | undefined {
  const match = GRAMMAR.exec(name)
  if (match === null) return undefined
  const v4 = prefix(4, match[1]!, match[2]!)
  if (v4 === undefined) return undefined
  if (match[3] === undefined) return { 4: v4 }
  const v6 = prefix(6, match[3], match[4]!)
  return v6 === undefined ? undefined : { 4: v4, 6: v6 }
}

function prefix(family: Family, text: string, length: string): Prefix | undefined {
  const address = tryParseAddress(text)
  return address === undefined || address.family !== family || Number(length) > LONGEST[family] ? undefined : prefixOf(address, Number(length))
}
