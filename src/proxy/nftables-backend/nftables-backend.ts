// The nftables data plane of one address family: a change is one atomic batch over netlink; everything else is the
// difference between what the kernel holds and what it should.

import type { Logger } from '../../ops/log.ts'
import type { Prefix } from '../../net/ip/prefix.ts'
import type { NetlinkSocket } from '../../net/netlink/netlink-socket.ts'
import { isRefusal } from '../../net/netlink/netlink-error.ts'
import type { NetnsReference } from '../../net/netns/identity.ts'
import type { Change } from '../../net/nfnetlink/objects.ts'
import { Nftables, NftablesError, watchNftables, type NftablesEvent } from '../../net/nfnetlink/nftables.ts'
import { sameNodePortAddresses, type NodePortAddresses } from '../local-traffic.ts'
import type { NftablesRulesetOptions } from '../nftables/options.ts'
import { planResync } from '../nftables/plan-resync.ts'
import { NftablesRuleset } from '../nftables/ruleset.ts'
import { memoryOf } from '../nftables/seed.ts'
import { tableOf } from '../nftables/sets.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { Backend, SyncInput, SyncReport } from '../sync/backend.ts'
import { releaseMemory } from '../release-memory.ts'
import { readKernelState } from './kernel-state.ts'
import { requireFeatures } from './require-features.ts'

type Call = Readonly<{ signal: AbortSignal }>

export type NftablesBackendOptions = Readonly<{
  ruleset: Omit<NftablesRulesetOptions, 'nodePortAddresses' | 'serviceCidrs'>
  /** Asked before every sync: addresses come and go. */
  nodePortAddresses: (options: Call) => Promise<NodePortAddresses>
  serviceCidrs: () => readonly Prefix[]
  netns?: NetnsReference
  /** Foreign changes are looked out for from then on: while others of this process fill tables, there is too much to read. */
  watchFrom?: Promise<unknown>
  log: Logger
}>

/** Entries that one incremental batch may change; more are compared with the kernel, in bounded batches. */
const INCREMENTAL_ENTRIES = 1000

/** A comparison of this many entries leaves memory behind that is worth giving back. */
const MANY_ENTRIES = 1000

export class NftablesBackend implements Backend {
  readonly #nft: Nftables
  readonly #options: NftablesBackendOptions
  #watch: NetlinkSocket | undefined
  #onForeignChange: ((program: string) => void) | undefined
  #watchSignal: AbortSignal | undefined
  /** The ruleset's generation before our own commits, when we read it last: what it is more by now others have made. */
  #foreignGeneration = 0
  /** Somebody else touched our table in the commit whose objects are being told. */
  #touched = false
  #facts: Pick<NftablesRulesetOptions, 'nodePortAddresses' | 'serviceCidrs'>
  /** Our rules were in force once: a table that is missing was taken away. */
  #programmed = false
  /** Undefined until the first sync, and again after a commit failed: what the kernel holds is then unknown. */
  #ruleset: NftablesRuleset | undefined

  private constructor(nft: Nftables, options: NftablesBackendOptions, nodePortAddresses: NodePortAddresses) {
    this.#nft = nft
    this.#options = options
    this.#facts = { nodePortAddresses, serviceCidrs: options.serviceCidrs() }
  }

  /** Throws PROXY_NFTABLES_UNSUPPORTED when the kernel lacks something. */
  static async open(options: NftablesBackendOptions, call: Call): Promise<NftablesBackend> {
    const addresses = await options.nodePortAddresses(call)
    const nft = Nftables.open(options.netns === undefined ? {} : { netns: options.netns })
    try {
      await requireFeatures(nft, options.ruleset.family, call)
      return new NftablesBackend(nft, options, addresses)
    } catch (error) {
      nft.close()
      throw error
    }
  }

  async sync({ table, changes, full }: SyncInput, call: Call): Promise<SyncReport> {
    const moved = await this.#refreshFacts(call)
    const ruleset = this.#ruleset
    if (full || moved || ruleset === undefined || changes.length > INCREMENTAL_ENTRIES) {
      const again = this.#programmed
      const report = await this.#resync(table.entries(), call)
      if (again && table.size >= MANY_ENTRIES) releaseMemory()
      return { ...report, fellBack: false }
    }
    // Chains that the previous sync left without use go first: their last verdict is gone for good by now.
    const batch = [...ruleset.planIdle(), ...ruleset.plan(changes)]
    this.#ruleset = undefined
    try {
      await this.#commit(batch, call)
    } catch (err) {
      if (!(err instanceof NftablesError)) throw err
      this.#options.log.warn({ err, family: this.#options.ruleset.family }, 'a change was refused, comparing everything')
      return { ...(await this.#resync(table.entries(), call)), fellBack: true }
    }
    this.#ruleset = ruleset
    return { kind: 'partial', fellBack: false, repaired: [], written: count(nothingWritten(), batch) }
  }

  /** True when what does not come from objects is other than it was. */
  async #refreshFacts(call: Call): Promise<boolean> {
    const now = { nodePortAddresses: await this.#options.nodePortAddresses(call), serviceCidrs: this.#options.serviceCidrs() }
    const same = sameNodePortAddresses(now.nodePortAddresses, this.#facts.nodePortAddresses) && sameRanges(now.serviceCidrs, this.#facts.serviceCidrs)
    this.#facts = now
    return !same
  }

  async #resync(entries: Iterable<ServiceEntry>, call: Call): Promise<Omit<SyncReport, 'fellBack'>> {
    const options = { ...this.#options.ruleset, ...this.#facts }
    this.#ruleset = undefined
    const { state: kernel, generation, ownCommits } = await readKernelState(this.#nft, options.family, call)
    this.#foreignGeneration = generation - ownCommits
    const ruleset = new NftablesRuleset(options, memoryOf(kernel.elements))
    ruleset.load(entries)
    const written = nothingWritten()
    const batches = planResync(kernel, ruleset)
    let step = batches.next()
    for (; step.done !== true; step = batches.next()) {
      await this.#commit(step.value, call)
      count(written, step.value)
    }
    const repairs = step.value
    const repaired = this.#programmed || kernel.table !== undefined ? repairs : []
    this.#ruleset = ruleset
    this.#programmed = true
    this.#openWatch().catch((err: unknown) => {
      if (this.#onForeignChange !== undefined) this.#options.log.warn({ err, family: options.family }, 'changes by others go unseen until the next comparison')
    })
    return { kind: 'full', repaired, written }
  }

  /** A batch of many independent elements may exceed what one datagram holds when names are long. */
  async #commit(batch: readonly Change[], call: Call): Promise<void> {
    try {
      await this.#nft.commit(batch, call)
    } catch (error) {
      const [first] = batch
      if (!isRefusal(error, 'EMSGSIZE', 'ENOBUFS') || batch.length !== 1 || first?.kind !== 'add-elements' || first.elements.length < 2) throw error
      const half = first.elements.length >> 1
      await this.#commit([{ ...first, elements: first.elements.slice(0, half) }], call)
      await this.#commit([{ ...first, elements: first.elements.slice(half) }], call)
    }
  }

  watch(onForeignChange: (program: string) => void, { signal }: Call): void {
    this.#onForeignChange = onForeignChange
    this.#watchSignal = signal
    signal.addEventListener('abort', () => this.#closeWatch(), { once: true })
  }

  /** Only after the first sync: a cold start's own notifications would be many, and are of no interest. */
  async #openWatch(): Promise<void> {
    const signal = this.#watchSignal
    if (this.#watch !== undefined || signal === undefined) return
    const { netns, watchFrom } = this.#options
    await watchFrom
    if (this.#onForeignChange === undefined) return
    this.#watch ??= watchNftables(event => this.#onEvent(event), { ...(netns === undefined ? {} : { netns }), exceptOwn: true })
    // What others committed between our reading and now was told to nobody.
    if ((await this.#nft.generation({ signal })) - this.#nft.ownCommits !== this.#foreignGeneration) this.#onForeignChange?.('unknown: before anybody looked')
  }

  #onEvent(event: NftablesEvent): void {
    const { family, table } = tableOf(this.#options.ruleset.family)
    switch (event.kind) {
      case 'overrun':
        return this.#onForeignChange?.('unknown: notifications were lost')
      case 'object':
        this.#touched ||= event.family === family && event.table === table
        return
      case 'generation':
        if (this.#touched) this.#onForeignChange?.(event.program)
        this.#touched = false
        return
      default:
        return event satisfies never
    }
  }

  /** Service ports and class chains in force. */
  counts(): Readonly<Record<string, number>> {
    return { services: this.#ruleset?.size ?? 0, chains: this.#ruleset?.classChains().length ?? 0 }
  }

  /** Takes our table away. Succeeds when it is absent. */
  async cleanup(call: Call): Promise<void> {
    this.#ruleset = undefined
    try {
      await this.#nft.commit([{ kind: 'delete-table', table: tableOf(this.#options.ruleset.family) }], call)
    } catch (error) {
      if (!isRefusal(error, 'ENOENT')) throw error
    }
  }

  #closeWatch(): void {
    this.#watch?.close()
    this.#watch = undefined
    this.#onForeignChange = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closeWatch()
    this.#nft.close()
  }
}

type Written = { elements: number; rules: number }
const nothingWritten = (): Written => ({ elements: 0, rules: 0 })

function count(written: Written, batch: readonly Change[]): Written {
  for (const change of batch) {
    if ('elements' in change) written.elements += change.elements.length
    else if (change.kind === 'add-rule') written.rules += 1
  }
  return written
}

const sameRanges = (a: readonly Prefix[], b: readonly Prefix[]): boolean =>
  a.length === b.length && a.every((range, i) => range.network === b[i]!.network && range.length === b[i]!.length)
