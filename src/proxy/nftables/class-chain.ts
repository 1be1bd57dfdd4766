// Class chains: one per way of balancing, shared by every service that is balanced that way. A chain knows a count, never
// a service: the packet's own destination is the key, the index is drawn below the count, the endpoint is looked up.
//
// Why session affinity keeps its state in the packet's priority (skb->priority) between rules: nft cannot print a rule that
// uses what a map answered as part of another key; it aborts, and with it every tool that lists the ruleset. A rule that
// stores the answer in the packet, and a next one that reads it there, prints. docs/decisions/nftables-maps.md has the alternatives.

import type { Family } from '../../net/ip/address.ts'
import { drop, goto } from '../../net/nfnetlink/data.ts'
import { NAT_RANGE, type Expression } from '../../net/nfnetlink/expressions/expression.ts'
import { register, type Register } from '../../net/nfnetlink/registers.ts'
import { registerNumber, VIEW_OFFSET, type View } from './keys.ts'
import { fromPod, isLocalAddress, loadAddress, loadDestinationPort, loadProtocol, verdict, writeMark } from './match.ts'
import type { NftablesRulesetOptions } from './options.ts'
import { MEMBERS, type SetName } from './sets.ts'
import { STICKY_SERVICE_MASK } from './stickiness.ts'

/** What the packet was sent to: an address of a service, or a port of the node. */
export type FrontendKind = 'address' | 'node-port'

export type Balancing = Readonly<{ view: View; count: number; affinitySeconds?: number }>

export type ClassChain =
  /** To a cluster IP: masqueraded unless it comes from a pod of this node. */
  | Readonly<{ policy: 'internal'; frontend: 'address'; balancing: Balancing }>
  /** To an external address: always masqueraded. */
  | Readonly<{ policy: 'external'; frontend: FrontendKind; balancing: Balancing }>
  /** As it is: what a pod of this node sends to an external address under the Local policy. */
  | Readonly<{ policy: 'plain'; frontend: FrontendKind; balancing: Balancing }>
  /** externalTrafficPolicy Local: `local` for outside clients (dropped when its count is 0), `all` for this node and its pods. */
  | Readonly<{ policy: 'external-local'; frontend: FrontendKind; local: Balancing; all: Balancing }>
  /** Endpoints exist, but none that this node may use under the policy in force. */
  | Readonly<{ policy: 'nowhere' }>
  /** Where sticky connections end: the client is remembered, the endpoint's number resolved. */
  | Readonly<{ policy: 'stick'; affinitySeconds: number }>

/** "internal-3", "internal-local-2-sticky-10800s", "node-port-local-1-of-4", "stick-10800s". */
export function chainName(chain: ClassChain): string {
  if (chain.policy === 'stick') return `stick-${chain.affinitySeconds}s`
  if (chain.policy === 'nowhere') return 'nowhere'
  const port = chain.frontend === 'node-port' ? 'node-port' : ''
  const suffix = (b: Balancing): string => (b.affinitySeconds === undefined ? '' : `-sticky-${b.affinitySeconds}s`)
  switch (chain.policy) {
    case 'internal':
      return `internal${chain.balancing.view === 'local' ? '-local' : ''}-${chain.balancing.count}${suffix(chain.balancing)}`
    case 'external':
      return `${port || 'external'}-${chain.balancing.count}${suffix(chain.balancing)}`
    case 'plain':
      return `${port ? `${port}-` : ''}plain-${chain.balancing.count}${suffix(chain.balancing)}`
    case 'external-local':
      return `${port || 'external'}-local-${chain.local.count}-of-${chain.all.count}${suffix(chain.all)}`
    default:
      return chain satisfies never
  }
}

/** The chain itself behind all that it continues in: an order in which each exists before it is named. */
export function withSuccessors(chain: ClassChain): readonly ClassChain[] {
  if (chain.policy === 'stick' || chain.policy === 'nowhere') return [chain]
  const balancing = chain.policy === 'external-local' ? chain.all : chain.balancing
  const stick: readonly ClassChain[] = balancing.affinitySeconds === undefined ? [] : [{ policy: 'stick', affinitySeconds: balancing.affinitySeconds }]
  return chain.policy === 'external-local' ? [...stick, plainOf(chain), chain] : [...stick, chain]
}

const plainOf = (chain: Extract<ClassChain, { policy: 'external-local' }>): ClassChain => ({ policy: 'plain', frontend: chain.frontend, balancing: chain.all })

/** True for the chains that classes name; the others are only reached from these. */
export const isEntrance = (chain: ClassChain): boolean => chain.policy !== 'stick' && chain.policy !== 'plain'

/** The chain's rules, in order. An entrance first takes the number of its class out of the packet. */
export function chainRules(chain: ClassChain, options: NftablesRulesetOptions): readonly (readonly Expression[])[] {
  const rules = policyRules(chain, options)
  return isEntrance(chain) ? [forgetClass, ...rules] : rules
}

const forgetClass: readonly Expression[] = [
  { kind: 'immediate', dreg: register(0), data: registerNumber(0) },
  { kind: 'meta-set', sreg: register(0), key: 'priority' },
]

function policyRules(chain: ClassChain, options: NftablesRulesetOptions): readonly (readonly Expression[])[] {
  const { family, masqueradeMark, detector } = options
  const mark = writeMark(masqueradeMark, true)
  switch (chain.policy) {
    case 'plain':
      return balance(family, chain.frontend, chain.balancing)
    case 'external':
      return [mark, ...balance(family, chain.frontend, chain.balancing)]
    case 'internal': {
      const condition = options.masqueradeAll ? [] : fromPod(family, detector, 'neq')
      return [...(condition === undefined ? [] : [[...condition, ...mark]]), ...balance(family, chain.frontend, chain.balancing)]
    }
    case 'external-local': {
      const all = verdict(goto(chainName(plainOf(chain))))
      const pod = fromPod(family, detector, 'eq')
      return [
        ...(pod === undefined ? [] : [[...pod, all]]),
        [...isLocalAddress('saddr'), ...mark, all],
        ...(chain.local.count === 0 ? [[verdict(drop)]] : balance(family, chain.frontend, chain.local)),
      ]
    }
    case 'nowhere':
      return [[verdict(drop)]]
    case 'stick':
      return stick(family, chain.affinitySeconds)
    default:
      return chain satisfies never
  }
}

/** Registers of an address; what follows it in a key starts there. */
const words = (family: Family): number => (family === 4 ? 1 : 4)

const draw = (dreg: Register, modulus: number, view: View): Expression => ({ kind: 'numgen', dreg, modulus, type: 'random', offset: VIEW_OFFSET[view] })

const lookup = (set: SetName, sreg: Register, dreg: Register | 'verdict'): Expression => ({ kind: 'lookup', set, sreg, dreg })

const translate = (family: Family, address: Register): Expression => ({
  kind: 'nat', type: 'dnat', family, regAddress: address, regProto: register(address + words(family)), flags: NAT_RANGE.mapIps | NAT_RANGE.protoSpecified,
})

/**
 * The rules that choose. The last one takes index 0: a packet that was on its way through the chain when its service lost an
 * endpoint may have drawn an index that is gone, and would else leave without a destination.
 */
function balance(family: Family, frontend: FrontendKind, balancing: Balancing): readonly (readonly Expression[])[] {
  const { view, count, affinitySeconds } = balancing
  const moduli = count === 1 ? [1] : [count, 1]
  if (affinitySeconds !== undefined) return balanceSticky(family, frontend, view, moduli, affinitySeconds)
  const { load, next } = loadFrontend(family, frontend)
  const endpoint = register(next + 1)
  return moduli.map(modulus => [
    ...load, draw(register(next), modulus, view), lookup(frontend === 'node-port' ? 'node-port-endpoints' : 'endpoints', register(0), endpoint), translate(family, endpoint),
  ])
}

const [r0, r1, r2] = [register(0), register(1), register(2)]
const readState = (dreg: Register): Expression => ({ kind: 'meta', dreg, key: 'priority' })
const writeState = (sreg: Register): Expression => ({ kind: 'meta-set', sreg, key: 'priority' })

/** The packet's priority holds the service port's number S, then the endpoint's number E. E is never a key where S is one. */
function balanceSticky(family: Family, frontend: FrontendKind, view: View, moduli: readonly number[], affinitySeconds: number): readonly (readonly Expression[])[] {
  const numbers: SetName = frontend === 'node-port' ? 'sticky-node-ports' : 'sticky-services'
  const identify = [...loadFrontend(family, frontend).load, lookup(numbers, r0, r0), writeState(r0)]
  const end = verdict(goto(chainName({ policy: 'stick', affinitySeconds })))
  const state = register(words(family))
  const remembered = register(state + 1)
  return [
    identify,
    [loadAddress(family, 'saddr', r0), readState(state), lookup('affinity', r0, remembered), writeState(remembered)],
    [readState(r0), { kind: 'lookup', set: MEMBERS[view], sreg: r0 }, end],
    // Whoever comes here was not remembered, or with an endpoint that has left. An update would keep what is remembered.
    identify,
    [loadAddress(family, 'saddr', r0), readState(state), { kind: 'dynset', set: 'affinity', op: 'delete', sregKey: r0, sregData: state }],
    ...moduli.map(modulus => [readState(r0), draw(r1, modulus, view), lookup('sticky-endpoints', r0, r2), writeState(r2)]),
    [end],
  ]
}

function stick(family: Family, affinitySeconds: number): readonly (readonly Expression[])[] {
  const service = register(words(family))
  const endpoint = register(service + 1)
  return [
    [
      loadAddress(family, 'saddr', r0),
      readState(service),
      { kind: 'bitwise', sreg: service, dreg: service, length: 4, mask: registerNumber(STICKY_SERVICE_MASK), xor: registerNumber(0) },
      readState(endpoint),
      { kind: 'dynset', set: 'affinity', op: 'update', sregKey: r0, sregData: endpoint, timeoutMs: BigInt(affinitySeconds) * 1000n },
    ],
    [readState(r0), lookup('sticky-addresses', r0, r1), translate(family, r1)],
  ]
}

/** Loads the packet's destination as a key from register 0; `next` is the register behind it. */
function loadFrontend(family: Family, frontend: FrontendKind): Readonly<{ load: readonly Expression[]; next: number }> {
  const at = frontend === 'node-port' ? 0 : words(family)
  const address = frontend === 'node-port' ? [] : [loadAddress(family, 'daddr', r0)]
  return { load: [...address, loadProtocol(register(at)), loadDestinationPort(register(at + 1))], next: at + 2 }
}
