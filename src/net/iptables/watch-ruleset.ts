// Word of changes to the ruleset that somebody else made: by notification for iptables-nft, by looking for legacy.

import { LibcError } from '../libc/libc.ts'
import { NFT_MSG } from '../nfnetlink/constants.ts'
import { watchNftables, type NftablesEvent } from '../nfnetlink/nftables.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Iptables } from './iptables.ts'
import { LegacyFingerprint } from './legacy-fingerprint.ts'
import type { TableName } from './saved-table.ts'

export type WatchRulesetOptions = Readonly<{
  iptables: Iptables
  tables: readonly TableName[]
  /** True when a change of this chain matters. Removing rules or chains is told apart, since adding rarely harms. */
  concerns: (chain: string, change: 'added' | 'removed') => boolean
  /** `program`: who did it, where the kernel says so. May be told of changes that turn out to be nothing. */
  onForeignChange: (program: string) => void
  clock: Clock
  signal: AbortSignal
}>

export interface RulesetWatch extends Disposable {
  /** Our own writes come between these two, so that they are not taken for somebody else's. */
  ownWriteBegins(): void
  ownWriteEnds(): void
}

/** Watches until disposed of or until `signal` aborts. */
export const watchRuleset = (options: WatchRulesetOptions): RulesetWatch =>
  options.iptables.variant === 'nft' ? watchNft(options) : new LegacyWatch(options)

function watchNft({ iptables, tables, concerns, onForeignChange }: WatchRulesetOptions): RulesetWatch {
  const family = iptables.family === 4 ? 'ip' : 'ip6'
  let touched = false
  const onEvent = (event: NftablesEvent): void => {
    switch (event.kind) {
      case 'overrun':
        return onForeignChange('unknown: notifications were lost')
      case 'object':
        touched ||= event.family === family && tables.some(table => table === event.table) && isConcern(event.message, event.chain, concerns)
        return
      case 'generation': {
        const foreign = touched && !iptables.isOwnProcess(event.pid) && !iptables.isOwnProcess(event.port)
        touched = false
        if (foreign) onForeignChange(event.program)
        return
      }
      default:
        return event satisfies never
    }
  }
  const socket = watchNftables(onEvent, iptables.netns === undefined ? {} : { netns: iptables.netns })
  return { ownWriteBegins: () => undefined, ownWriteEnds: () => undefined, [Symbol.dispose]: () => socket.close() }
}

function isConcern(message: number, chain: string | undefined, concerns: WatchRulesetOptions['concerns']): boolean {
  if (message === NFT_MSG.DELTABLE) return true
  const removed = message === NFT_MSG.DELRULE || message === NFT_MSG.DELCHAIN
  return chain !== undefined && concerns(chain, removed ? 'removed' : 'added')
}

/** Half of the second within which a repair is promised. */
const LOOK_INTERVAL_MS = 400
/** Large tables are read whole this often only. */
const THOROUGH_LOOK_EVERY = 75

class LegacyWatch implements RulesetWatch {
  readonly #options: WatchRulesetOptions
  readonly #fingerprint: LegacyFingerprint
  readonly #closed = new AbortController()
  #known = new Map<string, string>()
  #ownWrites = 0
  #looks = 0

  constructor(options: WatchRulesetOptions) {
    this.#options = options
    this.#fingerprint = new LegacyFingerprint(options.iptables.family, options.iptables.netns)
    this.#differs(true)
    void this.#run()
  }

  ownWriteBegins(): void {
    this.#ownWrites += 1
    if (this.#ownWrites === 1 && this.#differs(false)) this.#options.onForeignChange('unknown')
  }

  ownWriteEnds(): void {
    this.#ownWrites -= 1
    // Both kinds are read, so that the next thorough look has something to compare with.
    if (this.#ownWrites === 0) this.#differs(true)
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#closed.signal])
    try {
      while (!signal.aborted) {
        await this.#options.clock.sleep(LOOK_INTERVAL_MS, { signal })
        if (this.#ownWrites > 0) continue
        this.#looks += 1
        if (this.#differs(this.#looks % THOROUGH_LOOK_EVERY === 0)) this.#options.onForeignChange('unknown')
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#fingerprint[Symbol.dispose]()
    }
  }

  /** Looks at all tables; answers whether one differs from the last look of the same kind. */
  #differs(thorough: boolean): boolean {
    let differs = false
    for (const table of this.#options.tables) {
      for (const kind of thorough ? [false, true] : [false]) {
        const key = `${table} ${kind}`
        const seen = this.#look(table, kind)
        const known = this.#known.get(key)
        if (seen === undefined) continue
        this.#known.set(key, seen)
        if (known !== undefined && known !== seen) differs = true
      }
    }
    return differs
  }

  /** Undefined when somebody replaced the table between the two questions; the next look sees it. */
  #look(table: TableName, thorough: boolean): string | undefined {
    try {
      return this.#fingerprint.of(table, { thorough })
    } catch (error) {
      if (error instanceof LibcError && error.errnoName === 'EAGAIN') return undefined
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#closed.abort()
  }
}
