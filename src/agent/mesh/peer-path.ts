// What probes have told about the way to one peer: latency, loss, the size that passes, and the fault it amounts to. Pure.

import type { Family } from '../../net/ip/address.ts'

/** One round's answers; milliseconds, or undefined when none came. */
export type ProbeAnswers = Readonly<{
  /** From host to host, beside the tunnel. */
  host: number | undefined
  /** Through the tunnel; absent where the backend has no address of its own at the far end (host-gw). */
  tunnel?: number | undefined
  /** The largest packet that passed, of `wantedBytes`; undefined when only small ones were tried or none passed. */
  pathMtu: number | undefined
}>

export type PathFault = 'host-silent' | 'tunnel-silent' | 'black-hole'

export type PeerPath = Readonly<{
  owner: string
  family: Family
  /** What pods may send to this peer. */
  wantedBytes: number
  /** Newest last, at most HISTORY. */
  rounds: readonly ProbeAnswers[]
}>

/** Rounds over which loss is counted. */
export const HISTORY = 10
/** Silence in a row that makes a fault: one lost packet is no news. */
const SILENT_ROUNDS = 2

export const addRound = (path: PeerPath, answers: ProbeAnswers): PeerPath => ({ ...path, rounds: [...path.rounds, answers].slice(-HISTORY) })

const hasTunnel = (answers: ProbeAnswers): boolean => 'tunnel' in answers

/** True when pods' packets of this round had a way. */
const passed = (answers: ProbeAnswers): boolean => (hasTunnel(answers) ? answers.tunnel !== undefined : answers.host !== undefined)

/** Share of rounds without an answer, by way; undefined for a way that was not tried. */
export function lossOf({ rounds }: PeerPath, way: 'host' | 'tunnel'): number | undefined {
  const tried = way === 'host' ? rounds : rounds.filter(hasTunnel)
  return tried.length === 0 ? undefined : tried.filter(answers => answers[way] === undefined).length / tried.length
}

/** Newest round trip in milliseconds. */
export const roundTripOf = ({ rounds }: PeerPath, way: 'host' | 'tunnel'): number | undefined => rounds.findLast(answers => answers[way] !== undefined)?.[way]

/** What is known of the largest packet that reaches the peer; undefined before a small one has. */
export const pathMtuOf = ({ rounds }: PeerPath): number | undefined => rounds.findLast(answers => answers.pathMtu !== undefined)?.pathMtu

export function faultOf(path: PeerPath): PathFault | undefined {
  const last = path.rounds.slice(-SILENT_ROUNDS)
  if (last.length === SILENT_ROUNDS && !last.some(passed)) return last.some(answers => hasTunnel(answers) && answers.host !== undefined) ? 'tunnel-silent' : 'host-silent'
  const mtu = pathMtuOf(path)
  return mtu !== undefined && mtu < path.wantedBytes ? 'black-hole' : undefined
}

/** One sentence with what to do. */
export function describeFault(path: PeerPath, fault: PathFault): string {
  switch (fault) {
    case 'host-silent': return `${path.owner} answers neither host to host nor through the tunnel; it is down, cut off, or answers no ICMP`
    case 'tunnel-silent': return `${path.owner} answers host to host but not through the tunnel; something between the hosts drops the tunnel's packets (a firewall, or checksums that a network card computes wrongly)`
    case 'black-hole': return `packets above ${pathMtuOf(path)} bytes vanish on the way to ${path.owner}, though its pods may send ${path.wantedBytes}; set a smaller MTU, or let the network between the hosts carry what it promises`
    default: return fault satisfies never
  }
}
