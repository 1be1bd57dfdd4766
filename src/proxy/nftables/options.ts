// What the ruleset depends on besides services: settings and facts about this node.

import type { Family } from '../../net/ip/address.ts'
import type { Prefix } from '../../net/ip/prefix.ts'
import type { LocalDetector, NodePortAddresses } from '../local-traffic.ts'

export type NftablesRulesetOptions = Readonly<{
  family: Family
  /** The packet mark's bit, as a number ("1 << 14"). */
  masqueradeMark: number
  masqueradeAll: boolean
  detector: LocalDetector
  nodePortAddresses: NodePortAddresses
  /** Ranges of cluster IPs: packets to an address in them that no service has are dropped. */
  serviceCidrs: readonly Prefix[]
}>

