// Applies the nftables ruleset of one address family: small changes as one batch each, everything else by comparing with
// the kernel. The only place of this mode that writes.

import type { Logger } from '../../ops/log.ts'
import { isRefusal } from '../../net/netlink/netlink-error.ts'
import { Nftables, watchNftables, type NftablesEvent } from '../../net/nfnetlink/nftables.ts'
import type { NetnsReference } from '../../net/netns/identity.ts'
import type { NetlinkSocket } from '../../net/netlink/netlink-socket.ts'
import type { Change } from '../../net/nfnetlink/objects.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { EntryChange } from '../service-table/service-table.ts'
import type { NftablesRulesetOptions } from './options.ts'
import { readKernelState } from './kernel-state.ts'
import { planResync } from './plan-resync.ts'
import { NftablesRuleset } from './ruleset.ts'
import { memoryOf } from './seed.ts'
import { tableOf } from './sets.ts'

export type NftablesBackendOptions = Readonly<{
  ruleset: NftablesRulesetOptions
  netns?: NetnsReference
  log: Logger
  /** Called when somebody else touched our table, or notifications were lost: ask for a resync soon. */
  onForeignChange: (reason: string) => void
}>

/** Entries that one incremental batch may change; more are compared with the kernel as a whole. */
const INCREMENTAL_ENTRIES = 1000

export class NftablesBackend implements AsyncDisposable {
  readonly #nft: Nftables
  readonly #options: NftablesBackendOptions
  #watch: NetlinkSocket | undefined
  /** Undefined until the first resync, and again after a commit failed: what the kernel holds is then unknown. */
  #ruleset: NftablesRuleset | undefined

  private constructor(nft: Nftables, options: NftablesBackendOptions) {
    this.#nft = nft
    this.#options = options
  }

  static open(options: NftablesBackendOptions): NftablesBackend {
    return new NftablesBackend(Nftables.open(options.netns === undefined ? {} : { netns: options.netns }), options)
  }

  /** True when only `resync` can bring the kernel in line. */
  get needsResync(): boolean {
    return this.#ruleset === undefined
  }

  /** Applies entry changes as one atomic batch. Rejects, and needs a resync, when the kernel refuses it. */
  async apply(changes: readonly EntryChange[], options: { signal: AbortSignal }): Promise<void> {
    const ruleset = this.#ruleset
    if (ruleset === undefined || changes.length > INCREMENTAL_ENTRIES) {
      this.#ruleset = undefined
      throw new Error('the nftables ruleset is to be compared with the kernel first: call resync')
    }
    this.#ruleset = undefined
    await this.#nft.commit(ruleset.plan(changes), options)
    this.#ruleset = ruleset
  }

  /** Removes class chains that nothing leads to any more. To be called some time after `apply`. */
  async collect(options: { signal: AbortSignal }): Promise<void> {
    const ruleset = this.#ruleset
    if (ruleset === undefined || !ruleset.hasIdle) return
    this.#ruleset = undefined
    await this.#nft.commit(ruleset.planIdle(), options)
    this.#ruleset = ruleset
  }

  /** Compares the whole with the kernel and applies the difference; answers what was missing or wrong. */
  async resync(entries: Iterable<ServiceEntry>, options: { signal: AbortSignal }): Promise<readonly string[]> {
    const { ruleset: rulesetOptions } = this.#options
    this.#ruleset = undefined
    const kernel = await readKernelState(this.#nft, rulesetOptions.family, options)
    const ruleset = new NftablesRuleset(rulesetOptions, memoryOf(kernel.elements))
    const additions: EntryChange[] = Array.from(entries, after => ({ key: after.port.key, before: undefined, after }))
    ruleset.plan(additions)
    const { batches, repairs } = planResync(kernel, ruleset)
    for (const batch of batches) await this.#commit(batch, options)
    this.#ruleset = ruleset
    // Opened only now: a cold start's own notifications would be many, and are of no interest.
    this.#watch ??= watchNftables(event => this.#onEvent(event), {
      ...(this.#options.netns === undefined ? {} : { netns: this.#options.netns }),
      exceptPort: this.#nft.port,
    })
    return repairs
  }

  /** A batch of many independent elements may exceed what one datagram holds when names are long. */
  async #commit(batch: readonly Change[], options: { signal: AbortSignal }): Promise<void> {
    try {
      await this.#nft.commit(batch, options)
    } catch (error) {
      const [first] = batch
      if (!isRefusal(error, 'EMSGSIZE', 'ENOBUFS') || batch.length !== 1 || first?.kind !== 'add-elements' || first.elements.length < 2) throw error
      const half = first.elements.length >> 1
      await this.#commit([{ ...first, elements: first.elements.slice(0, half) }], options)
      await this.#commit([{ ...first, elements: first.elements.slice(half) }], options)
    }
  }

  /** Takes our table away. Succeeds when it is absent. */
  async cleanup(options: { signal: AbortSignal }): Promise<void> {
    this.#ruleset = undefined
    try {
      await this.#nft.commit([{ kind: 'delete-table', table: tableOf(this.#options.ruleset.family) }], options)
    } catch (error) {
      if (!isRefusal(error, 'ENOENT')) throw error
    }
  }

  #onEvent(event: NftablesEvent): void {
    if (event.kind === 'overrun') return this.#options.onForeignChange('notifications lost')
    const { family, table } = tableOf(this.#options.ruleset.family)
    if (event.kind === 'object' && event.family === family && event.table === table) this.#options.onForeignChange('table changed by another program')
  }

  close(): void {
    this.#watch?.close()
    this.#nft.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
