// Masquerade and forward rules in the kernel, by either engine, with the same effect.

import type { RulesInput } from './iptables-plan.ts'

type Call = Readonly<{ signal: AbortSignal }>

export interface RuleEngine {
  readonly name: 'iptables' | 'nftables'
  /** Whether MASQUERADE can choose source ports at random here. */
  readonly canRandomFully: boolean
  /** Compares order and exact set, writes only on difference. Answers what it had to write ("nat FLANNEL-POSTRTG IPv4"). */
  ensure(input: RulesInput, call: Call): Promise<readonly string[]>
  /** What of others keeps these rules from having their effect, in sentences. */
  hindrances(input: RulesInput, call: Call): Promise<readonly string[]>
  /** Takes away everything of that instance. Absent is success. */
  remove(instance: string, call: Call): Promise<void>
}
