// The iptables data plane of one address family: plans become restores, and what is in the kernel is compared with
// what should be.

import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { Iptables } from '../../net/iptables/iptables.ts'
import { IptablesError } from '../../net/iptables/iptables-error.ts'
import type { TableChange } from '../../net/iptables/restore-input.ts'
import { watchRuleset, type RulesetWatch } from '../../net/iptables/watch-ruleset.ts'
import { isServiceChain } from '../iptables/chain-names.ts'
import type { RulesetOptions } from '../iptables/options.ts'
import { NFT_BATCH_SIZE, type BatchSize } from '../iptables/plan-batches.ts'
import { fixedChains, jumps } from '../iptables/plan-fixed.ts'
import { planRepair, type Observed } from '../iptables/plan-repair.ts'
import { planTransaction } from '../iptables/plan-transaction.ts'
import { Ruleset } from '../iptables/ruleset.ts'
import { sameNodePortAddresses, type NodePortAddresses } from '../local-traffic.ts'
import type { ServiceTable } from '../service-table/service-table.ts'
import type { Backend, SyncInput, SyncReport } from '../sync/backend.ts'

/** Endpoint rules lose their comments above this many endpoints (kube-proxy's largeClusterEndpointsThreshold). */
const COMMENTED_ENDPOINTS = 1000

export type IptablesBackendOptions = Readonly<{
  iptables: Iptables
  ruleset: RulesetOptions
  /** Asked before every sync: addresses come and go. */
  nodePortAddresses: (options: Readonly<{ signal: AbortSignal }>) => Promise<NodePortAddresses>
  clock: Clock
  log: Logger
}>

type Call = Readonly<{ signal: AbortSignal }>

export class IptablesBackend implements Backend {
  readonly #options: IptablesBackendOptions
  readonly #ruleset: Ruleset
  readonly #batchSize: BatchSize
  #addresses: NodePortAddresses
  #endpoints = 0
  #counts: Record<string, number> = { nat: 0, filter: 0 }
  #watch: RulesetWatch | undefined

  private constructor(options: IptablesBackendOptions, addresses: NodePortAddresses) {
    this.#options = options
    this.#addresses = addresses
    this.#ruleset = new Ruleset(options.ruleset, addresses)
    this.#batchSize = options.iptables.variant === 'nft' ? NFT_BATCH_SIZE : undefined
  }

  static async open(options: IptablesBackendOptions, call: Call): Promise<IptablesBackend> {
    return new IptablesBackend(options, await options.nodePortAddresses(call))
  }

  async sync({ table, changes, full }: SyncInput, call: Call): Promise<SyncReport> {
    for (const { before, after } of changes) this.#endpoints += endpointsOf(after) - endpointsOf(before)
    const commented = this.#endpoints <= COMMENTED_ENDPOINTS
    const addresses = await this.#options.nodePortAddresses(call)
    const moved = sameNodePortAddresses(addresses, this.#addresses) ? [] : this.#ruleset.setNodePortAddresses(addresses)
    this.#addresses = addresses
    const chainChanges = [...moved, ...this.#ruleset.apply(changes, commented)]
    for (const { table: name, before, after } of chainChanges) this.#count(name, (after?.length ?? 0) - (before?.length ?? 0))
    if (full) return { kind: 'full', fellBack: false, ...(await this.#repair(table, commented, call)) }
    const transaction = planTransaction(chainChanges, this.#batchSize)
    try {
      await this.#restore(transaction, call)
      return { kind: 'partial', fellBack: false, repaired: [], written: writtenBy(transaction) }
    } catch (err) {
      if (!(err instanceof IptablesError)) throw err
      this.#options.log.warn({ err, family: this.#options.iptables.family }, 'a change was refused, comparing everything')
      return { kind: 'full', fellBack: true, ...(await this.#repair(table, commented, call)) }
    }
  }

  async #repair(table: ServiceTable, commented: boolean, call: Call): Promise<Pick<SyncReport, 'written' | 'repaired'>> {
    const { iptables, ruleset } = this.#options
    const observed: Observed = { filter: await iptables.save('filter', call), nat: await iptables.save('nat', call), mangle: await iptables.save('mangle', call) }
    const repair = planRepair(this.#counted(table, commented), jumps(ruleset), observed, this.#batchSize)
    await this.#restore(repair.changes, call)
    return { written: writtenBy(repair.changes), repaired: [...repair.written, ...repair.removed, ...repair.jumps] }
  }

  *#counted(table: ServiceTable, commented: boolean): ReturnType<Ruleset['chains']> {
    const counts: Record<string, number> = { nat: 0, filter: 0 }
    for (const chain of this.#ruleset.chains(table.entries(), commented)) {
      counts[chain.table] = (counts[chain.table] ?? 0) + chain.rules.length
      yield chain
    }
    this.#counts = counts
  }

  async #restore(changes: readonly TableChange[], call: Call): Promise<void> {
    if (changes.length === 0) return
    this.#watch?.ownWriteBegins()
    try {
      await this.#options.iptables.restore(changes, call)
    } finally {
      this.#watch?.ownWriteEnds()
    }
  }

  watch(onForeignChange: (program: string) => void, { signal }: Call): void {
    const { iptables, clock, ruleset } = this.#options
    const fixed = new Set(fixedChains(ruleset).map(({ chain }) => chain))
    const jumpedFrom = new Set(jumps(ruleset).map(({ chain }) => chain))
    const watch = watchRuleset({
      iptables, clock, signal, onForeignChange,
      tables: ['nat', 'filter', 'mangle'],
      concerns: (chain, change) => isServiceChain(chain) || fixed.has(chain) || ROOTS.has(chain) || (change === 'removed' && jumpedFrom.has(chain)),
    })
    this.#watch = watch
    signal.addEventListener('abort', () => watch[Symbol.dispose](), { once: true })
  }

  counts(): Readonly<Record<string, number>> {
    return this.#counts
  }

  #count(table: string, rules: number): void {
    this.#counts[table] = (this.#counts[table] ?? 0) + rules
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]()
  }
}

/** Roots of the dispatch trees that are not service chains by name. */
const ROOTS: ReadonlySet<string> = new Set(['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'])

const endpointsOf = (entry: SyncInput['changes'][number]['after']): number => (entry === undefined ? 0 : Math.max(entry.cluster.length, entry.local.length))

function writtenBy(changes: readonly TableChange[]): Record<string, number> {
  const written: Record<string, number> = { nat: 0, filter: 0 }
  for (const { table, lines } of changes) written[table] = (written[table] ?? 0) + lines.length
  return written
}
