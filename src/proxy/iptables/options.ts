// What the ruleset depends on besides services: settings and facts about this node.

import type { Family } from '../../net/ip/address.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import type { LocalDetector } from '../local-traffic.ts'

export type RulesetOptions = Readonly<{
  family: Family
  /** The packet mark's bit, as a number ("1 << 14"). */
  masqueradeMark: number
  masqueradeAll: boolean
  detector: LocalDetector
  /** Packets to 127.0.0.0/8 may reach node ports, so the loopback net is guarded from outside (IPv4 only). */
  guardLoopback: boolean
  dropInvalid: boolean
  randomFully: boolean
  /** The kernel's named counters exist (nfnetlink_acct). */
  counters: boolean
}>

/** kube-proxy's names of the counters in nfnetlink_acct. */
export const INVALID_COUNTER = 'ct_state_invalid_dropped_pkts'
export const LOCALHOST_COUNTER = 'localhost_nps_accepted_pkts'

/** Match for "comes from a pod of this node"; undefined when there is no way to know. */
export function fromPod(detector: LocalDetector): string | undefined {
  switch (detector.kind) {
    case 'none': return undefined
    case 'source': return `-s ${formatPrefix(detector.prefix)}`
    case 'interface': return `-i ${detector.name}`
    case 'interface-prefix': return `-i ${detector.prefix}+`
    default: return detector satisfies never
  }
}

export const notFromPod = (detector: LocalDetector): string | undefined => {
  const match = fromPod(detector)
  return match === undefined ? undefined : `! ${match}`
}
