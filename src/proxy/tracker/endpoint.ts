// One endpoint of a service port: where traffic can go, and whether it should.

import { formatAddress, type Address } from '../../net/ip/address.ts'
import { formatHostPort, type Port } from '../../net/ip/port.ts'

/** Where it runs, seen from this node. An endpoint without a node name may be anywhere. */
export type Locality = 'local' | 'remote' | 'unknown'

export type Endpoint = Readonly<{
  /** "10.180.0.1:80" or "[fd00::1]:80". */
  identity: string
  address: Address
  port: Port
  locality: Locality
  ready: boolean
  serving: boolean
  terminating: boolean
  /** Zones, and nodes, that should use it; empty when the control plane gave no hint. */
  zoneHints: readonly string[]
  nodeHints: readonly string[]
}>

export const identityOf = (address: Address, port: Port): string => formatHostPort(formatAddress(address), port)

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => text === b[i]))

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean =>
  a === b ||
  (a.identity === b.identity &&
    a.locality === b.locality &&
    a.ready === b.ready &&
    a.serving === b.serving &&
    a.terminating === b.terminating &&
    sameTexts(a.zoneHints, b.zoneHints) &&
    sameTexts(a.nodeHints, b.nodeHints))

export const sameEndpoints = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a === b || (a.length === b.length && a.every((endpoint, i) => sameEndpoint(endpoint, b[i]!)))
