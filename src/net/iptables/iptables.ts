// One address family's iptables: read tables, apply changes atomically, keep single chains and rules.
// Calls of one instance run one after another. The xtables lock is waited for (-w), with XTABLES_LOCKFILE honoured.

import type { Family } from '../ip/address.ts'
import { IptablesError } from './iptables-error.ts'
import { findPrograms, isAtLeast, type IptablesVariant, type Programs } from './programs.ts'
import { formatRestoreInput, type TableChange } from './restore-input.ts'
import { sameRule, splitRule, targetOf } from './rule-text.ts'
import { runProgram, type RunOptions } from './run-program.ts'
import { parseSave, rulesByComment, type SavedTable, type TableName } from './saved-table.ts'

/** How long a program waits for the xtables lock before it gives up with exit status 4. */
const LOCK_WAIT_SECONDS = '5'

/** Notifications arrive within moments of the change. */
const REMEMBERED_PIDS = 64

export type OpenIptablesOptions = Readonly<{
  family: Family
  variant?: IptablesVariant | 'auto'
  /** Path of the network namespace to work in; undefined for our own. */
  netns?: string
  lockFile?: string
  signal: AbortSignal
}>

/** Where a missing rule goes in its chain. Rules already there stay where they are. */
export type RulePosition = 'first' | 'last'

type Call = Readonly<{ signal: AbortSignal }>
type RuleAt = Readonly<{ table: TableName; chain: string; rule: string }>

export class Iptables {
  readonly #programs: Programs
  readonly #place: Readonly<{ netns?: string | undefined; lockFile?: string | undefined }>
  #last: Promise<unknown> = Promise.resolve()
  /** Processes of ours, the latest last: notifications name the process that made a change. */
  #ownPids: number[] = []

  private constructor(programs: Programs, place: Readonly<{ netns?: string | undefined; lockFile?: string | undefined }>) {
    this.#programs = programs
    this.#place = place
  }

  /** Finds the programs. Throws `IptablesMissingError` when there are none. */
  static async open(options: OpenIptablesOptions): Promise<Iptables> {
    const place = { netns: options.netns, lockFile: options.lockFile }
    const programs = await findPrograms(options.family, options.variant ?? 'auto', { ...place, signal: options.signal })
    return new Iptables(programs, place)
  }

  get family(): Family {
    return this.#programs.family
  }

  get variant(): IptablesVariant {
    return this.#programs.variant
  }

  /** Path of the network namespace worked in; undefined for our own. */
  get netns(): string | undefined {
    return this.#place.netns
  }

  /** True when this process id was one of the programs that this instance ran lately. */
  isOwnProcess(pid: number): boolean {
    return this.#ownPids.includes(pid)
  }

  /** MASQUERADE --random-fully came with 1.6.2. */
  get canRandomFully(): boolean {
    return isAtLeast(this.#programs.version, '1.6.2')
  }

  /** Reads one table. A table that nobody has used yet has its built-in chains only, or none. */
  async save(table: TableName, call: Call): Promise<SavedTable> {
    const { stdout } = await this.#run([this.#programs.save, '-t', table], '', call)
    return parseSave(stdout).get(table) ?? { table, chains: new Map() }
  }

  /** Reads every table that exists, and makes none. */
  async saveAll(call: Call): Promise<ReadonlyMap<TableName, SavedTable>> {
    const { stdout } = await this.#run([this.#programs.save], '', call)
    return parseSave(stdout)
  }

  /** Applies all changes with one `iptables-restore --noflush`. On error nothing of the failing table is applied. */
  async restore(changes: readonly TableChange[], call: Call): Promise<void> {
    const input = formatRestoreInput(changes)
    if (input === '') return
    const wait = isAtLeast(this.#programs.version, '1.6.2') ? ['-w', LOCK_WAIT_SECONDS] : []
    await this.#run([this.#programs.restore, '--noflush', ...wait], input, call)
  }

  async hasChain(table: TableName, chain: string, call: Call): Promise<boolean> {
    return (await this.save(table, call)).chains.has(chain)
  }

  /** Makes the chain if it is absent; what is in it stays. Answers whether it was made. */
  async ensureChain(table: TableName, chain: string, call: Call): Promise<boolean> {
    return this.#succeeds(['-t', table, '-N', chain], call, CHAIN_EXISTS)
  }

  /** True when exactly this rule is in the chain. */
  async hasRule({ table, chain, rule }: RuleAt, call: Call): Promise<boolean> {
    return this.#succeeds(['-t', table, '-C', chain, ...splitRule(rule)], call, NO_SUCH_RULE)
  }

  /** Adds the rule if it is absent. Answers whether it was added. */
  async ensureRule(at: RuleAt & Readonly<{ position: RulePosition }>, call: Call): Promise<boolean> {
    if (await this.hasRule(at, call)) return false
    const verb = at.position === 'first' ? '-I' : '-A'
    await this.#command(['-t', at.table, verb, at.chain, ...splitRule(at.rule)], call)
    return true
  }

  /** Removes the rule wherever and however often it stands in the chain. Absent is fine. */
  async removeRule(at: RuleAt, call: Call): Promise<void> {
    while (await this.hasRule(at, call)) {
      await this.#command(['-t', at.table, '-D', at.chain, ...splitRule(at.rule)], call)
    }
  }

  /**
   * Makes the chain hold exactly these rules, in this order, atomically. Answers whether anything was written.
   * Rules are compared by meaning, so write them in the form that iptables-save prints.
   */
  async ensureChainContent(want: Readonly<{ table: TableName; chain: string; rules: readonly string[] }>, call: Call): Promise<boolean> {
    const observed = (await this.save(want.table, call)).chains.get(want.chain)?.rules
    const same = observed?.length === want.rules.length && want.rules.every((rule, i) => sameRule(rule, observed[i]!))
    if (same) return false
    const lines = want.rules.map(rule => `-A ${want.chain} ${rule}`)
    await this.restore([{ table: want.table, chains: [want.chain], lines, removedChains: [] }], call)
    return true
  }

  /** Removes all rules whose comment satisfies `matches`, in one restore. Answers how many. */
  async removeRulesByComment(table: TableName, matches: (comment: string) => boolean, call: Call): Promise<number> {
    const found = rulesByComment(await this.save(table, call), matches)
    await this.restore([{ table, chains: [], lines: found.map(({ chain, rule }) => `-D ${chain} ${rule}`), removedChains: [] }], call)
    return found.length
  }

  /** Removes chains with all rules in them and all rules that jump to them, in one restore. Absent is fine. */
  async removeChains(table: TableName, matches: (chain: string) => boolean, call: Call): Promise<void> {
    const saved = await this.save(table, call)
    const doomed = new Set([...saved.chains.values()].filter(chain => chain.policy === undefined && matches(chain.name)).map(chain => chain.name))
    const lines = [...saved.chains.values()]
      .filter(chain => !doomed.has(chain.name))
      .flatMap(chain => chain.rules.filter(rule => doomed.has(targetOf(rule) ?? '')).map(rule => `-D ${chain.name} ${rule}`))
    await this.restore([{ table, chains: [...doomed], lines, removedChains: [...doomed] }], call)
  }

  async #command(args: readonly string[], call: Call): Promise<void> {
    await this.#run([this.#programs.command, '-w', LOCK_WAIT_SECONDS, ...args], '', call)
  }

  /** True when it ended with 0, false when it said what `expected` describes. */
  async #succeeds(args: readonly string[], call: Call, expected: RegExp): Promise<boolean> {
    try {
      await this.#command(args, call)
      return true
    } catch (error) {
      if (error instanceof IptablesError && (error.exitStatus === 1 || error.exitStatus === 2) && expected.test(error.stderr)) return false
      throw error
    }
  }

  async #run(command: readonly string[], input: string, call: Call): Promise<{ stdout: string; stderr: string }> {
    const onStart = (pid: number): void => {
      this.#ownPids = [...this.#ownPids.slice(1 - REMEMBERED_PIDS), pid]
    }
    const options: RunOptions = { ...this.#place, onStart, signal: call.signal }
    const next = this.#last.then(() => runProgram(command, input, options))
    this.#last = next.catch(() => undefined)
    return next
  }
}

// The programs use the same exit statuses (1, and 2 for a target that does not exist) for "absent" and for
// "refused"; only their texts tell the two apart.
const NO_SUCH_RULE = /No chain\/target\/match by that name|No such file or directory|does a matching rule exist|does not exist/
const CHAIN_EXISTS = /Chain already exists/
