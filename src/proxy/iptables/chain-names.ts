// Names of chains. Those of services and endpoints are kube-proxy's, so that runbooks, `--cleanup` and a live
// switch between the two work; a chain name holds at most 28 characters (XT_EXTENSION_MAXNAMELEN, linux/netfilter/x_tables.h).

import { createHash } from 'node:crypto'
import type { Protocol } from '../../net/ip/port.ts'

export const KUBE_SERVICES = 'KUBE-SERVICES'
export const KUBE_EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES'
export const KUBE_NODEPORTS = 'KUBE-NODEPORTS'
export const KUBE_POSTROUTING = 'KUBE-POSTROUTING'
export const KUBE_MARK_MASQ = 'KUBE-MARK-MASQ'
export const KUBE_FORWARD = 'KUBE-FORWARD'
export const KUBE_PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL'
/** Shared with the kubelet; never removed. */
export const KUBE_FIREWALL = 'KUBE-FIREWALL'
export const KUBE_PROXY_CANARY = 'KUBE-PROXY-CANARY'
/** Ours: connections of an endpoint of this node to itself. The prefix makes kube-proxy take it away after a switch. */
export const HAIRPIN = 'KUBE-SVC-HAIRPIN'
/** Ours, in filter: node ports nobody answers. */
export const REFUSED_NODEPORTS = 'KUBE-SVC-NODEPORTS'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The first 16 characters of the RFC 4648 base32 form of a SHA-256. */
export function shortHash(text: string): string {
  const digest = createHash('sha256').update(text).digest()
  let hash = ''
  // 16 characters of 5 bits are exactly the first 10 bytes.
  for (let bit = 0; bit < 80; bit += 5) {
    const pair = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0)
    hash += BASE32[(pair >> (11 - (bit & 7))) & 31]
  }
  return hash
}

export type ServiceChains = Readonly<{ cluster: string; local: string; external: string; firewall: string }>

/** `text` is "namespace/name:portname". */
export function serviceChainsOf(text: string, protocol: Protocol): ServiceChains {
  const hash = shortHash(text + protocol.toLowerCase())
  return { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` }
}

export const endpointChainOf = (text: string, protocol: Protocol, identity: string): string =>
  `KUBE-SEP-${shortHash(text + protocol.toLowerCase() + identity)}`

/** A group of endpoints inside a large set; `path` says which. No endpoint's identity begins so. */
export const groupChainOf = (text: string, protocol: Protocol, set: 'cluster' | 'local', path: string): string =>
  endpointChainOf(text, protocol, `group ${set} ${path}`)

/** True for chains that come and go with services: what is not wanted any more is removed. */
export const isServiceChain = (name: string): boolean => /^KUBE-(?:SVC|SVL|SEP|FW|EXT)-/.test(name)
