// How traffic of this node's pods is told from other traffic, and which addresses of the node take node ports.

import type { Address } from '../net/ip/address.ts'
import type { Prefix } from '../net/ip/prefix.ts'

export type LocalDetector =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'source'; prefix: Prefix }>
  | Readonly<{ kind: 'interface'; name: string }>
  | Readonly<{ kind: 'interface-prefix'; prefix: string }>

export type NodePortAddresses =
  /** Every address of the node, loopback included only when `loopback`. */
  | Readonly<{ kind: 'all'; loopback: boolean }>
  | Readonly<{ kind: 'listed'; addresses: readonly Address[] }>

const textOf = (addresses: readonly Address[]): string => addresses.map(address => address.bits).join()

/** Both list their addresses in ascending order. */
export const sameNodePortAddresses = (a: NodePortAddresses, b: NodePortAddresses): boolean =>
  a.kind === 'all' ? b.kind === 'all' && a.loopback === b.loopback : b.kind === 'listed' && textOf(a.addresses) === textOf(b.addresses)
