// What ADD answers, in the shape of specification 1.1, whichever version the runtime speaks.

import type { InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { Address } from '../../../src/net/ip/address.ts'

/** Keys of other plugins that a chained plugin must hand on untouched. */
export type Foreign = Readonly<Record<string, unknown>>

export type CniInterface = Readonly<{
  name: string
  mac?: string
  mtu?: number
  /** Namespace path as the runtime gave it; absent: an interface of the host. */
  sandbox?: string
  foreign?: Foreign
}>

export type CniIp = Readonly<{
  address: InterfaceAddress
  gateway?: Address
  /** Index into `interfaces`; 0 counts. */
  interface?: number
  foreign?: Foreign
}>

export type CniRoute = Readonly<{
  /** May carry host bits: it is printed as it came. */
  dst: InterfaceAddress
  gw?: Address
  mtu?: number
  advmss?: number
  priority?: number
  table?: number
  scope?: number
  foreign?: Foreign
}>

export type CniDns = Readonly<{
  nameservers?: readonly string[]
  domain?: string
  search?: readonly string[]
  options?: readonly string[]
}>

export type CniResult = Readonly<{
  interfaces: readonly CniInterface[]
  ips: readonly CniIp[]
  routes: readonly CniRoute[]
  dns: CniDns
  foreign?: Foreign
}>

export const isEmptyDns = (dns: CniDns): boolean =>
  !dns.domain && [dns.nameservers, dns.search, dns.options].every(list => list === undefined || list.length === 0)
