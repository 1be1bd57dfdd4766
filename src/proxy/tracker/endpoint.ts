// One endpoint of a service port: where traffic can go, and whether it should.

import { flatText } from '../../ops/flat-text.ts'
import { addressFromBits, formatAddress, type Address } from '../../net/ip/address.ts'
import type { Port } from '../../net/ip/port.ts'

/** Where it runs, seen from this node. An endpoint without a node name may be anywhere. */
export type Locality = 'local' | 'remote' | 'unknown'

/** Zones, and nodes, that should use an endpoint; empty when the control plane gave no hint. */
export type Hints = Readonly<{ zones: readonly string[]; nodes: readonly string[] }>

export const NO_HINTS: Hints = { zones: [], nodes: [] }

export type EndpointFields = Readonly<{
  address: Address
  port: Port
  locality: Locality
  ready: boolean
  serving: boolean
  terminating: boolean
  hints: Hints
}>

const LOCALITIES = ['local', 'remote', 'unknown'] as const satisfies readonly Locality[]
const READY = 4
const SERVING = 8
const TERMINATING = 16
const PORT_SHIFT = 5

/**
 * A quarter of a million of these may live in a proxy, so that one takes 96 bytes (IPv4, identity included), less than
 * half of a plain object with an `Address` of its own: what is small lies in one number, an IPv4 address in another.
 */
export class Endpoint {
  /** "10.180.0.1:80" or "[fd00::1]:80". */
  readonly identity: string
  readonly hints: Hints
  /** IPv4 as a signed 32-bit number, which V8 keeps without a box. */
  readonly #bits: number | bigint
  readonly #state: number

  constructor({ address, port, locality, ready, serving, terminating, hints }: EndpointFields) {
    this.identity = identityOf(address, port)
    this.hints = hints
    this.#bits = address.family === 4 ? Number(address.bits) | 0 : address.bits
    this.#state = LOCALITIES.indexOf(locality) | (ready ? READY : 0) | (serving ? SERVING : 0) | (terminating ? TERMINATING : 0) | (port << PORT_SHIFT)
  }

  /** Made anew with every call. */
  get address(): Address {
    return typeof this.#bits === 'number' ? addressFromBits(4, BigInt(this.#bits >>> 0)) : addressFromBits(6, this.#bits)
  }

  get port(): Port {
    return (this.#state >>> PORT_SHIFT) as Port
  }

  get locality(): Locality {
    return LOCALITIES[this.#state & 3]!
  }

  get ready(): boolean {
    return (this.#state & READY) !== 0
  }

  get serving(): boolean {
    return (this.#state & SERVING) !== 0
  }

  get terminating(): boolean {
    return (this.#state & TERMINATING) !== 0
  }

  isSame(other: Endpoint): boolean {
    return this === other || (this.#bits === other.#bits && this.#state === other.#state && sameHints(this.hints, other.hints))
  }
}

export const identityOf = (address: Address, port: Port): string =>
  address.family === 4 ? flatText(formatAddress(address), ':', port) : flatText('[', formatAddress(address), ']:', port)

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => text === b[i]))

const sameHints = (a: Hints, b: Hints): boolean => a === b || (sameTexts(a.zones, b.zones) && sameTexts(a.nodes, b.nodes))

export const sameEndpoints = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a === b || (a.length === b.length && a.every((endpoint, i) => endpoint.isSame(b[i]!)))
