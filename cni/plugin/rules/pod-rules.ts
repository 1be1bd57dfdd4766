// Keeps the table in line with the attachments: one atomic batch per change, everything anew when somebody else touched it.

import type { Family } from '../../../src/net/ip/address.ts'
import type { Change, Element, Rule } from '../../../src/net/nfnetlink/objects.ts'
import { Nftables, watchNftables, type NftablesEvent } from '../../../src/net/nfnetlink/nftables.ts'
import type { Attachment } from '../attachment/attachment.ts'
import { isEmpty, planElementChanges, planElements, SET_NAMES, type Elements, type SetName } from './plan-elements.ts'
import { chainsOf, rulesOf, skeletonOf, TABLE } from './skeleton.ts'

type Options = Readonly<{ signal: AbortSignal }>

const FAMILIES = [4, 6] as const

export class PodRules implements AsyncDisposable {
  readonly #attachments: () => readonly Attachment[]
  readonly #nftables = Nftables.open()
  readonly #watch: AsyncDisposable
  /** What our table holds, per family; undefined: nothing, "unknown": to be read from the kernel. */
  readonly #applied = new Map<Family, Elements | 'unknown'>([[4, 'unknown'], [6, 'unknown']])
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** `onForeignChange` is called when our table may have been changed by somebody else. */
  constructor(attachments: () => readonly Attachment[], onForeignChange: () => void) {
    this.#attachments = attachments
    this.#watch = watchNftables(event => {
      if (!concernsUs(event)) return
      onForeignChange()
    })
  }

  /** Brings the table in line with the attachments as they are when it begins; calls during a change share the next one. */
  async sync(options: Options): Promise<void> {
    if (this.#running === undefined) return await this.#start(options)
    this.#next ??= this.#running.catch(() => undefined).then(() => {
      this.#next = undefined
      return this.#start(options)
    })
    await this.#next
  }

  /** Reads the table back and mends what differs; answers the families that were mended. */
  async repair(options: Options): Promise<readonly Family[]> {
    await this.#running?.catch(() => undefined)
    const mended: Family[] = []
    for (const family of FAMILIES) {
      const known = this.#applied.get(family)
      if (known === undefined || known === 'unknown') continue
      if (await this.#stands(family, known, options)) continue
      this.#applied.set(family, 'unknown')
      mended.push(family)
    }
    if (mended.length > 0) await this.sync(options)
    return mended
  }

  /** True when the kernel holds everything that this attachment needs. */
  async holds(attachment: Attachment, options: Options): Promise<boolean> {
    for (const family of FAMILIES) {
      const wanted = planElements([attachment], family)
      if (isEmpty(wanted)) continue
      const present = await this.#read(family, options)
      if (present === undefined || !SET_NAMES.every(set => [...wanted[set].keys()].every(key => present[set].has(key)))) return false
    }
    return true
  }

  #start(options: Options): Promise<void> {
    const change = this.#apply(options).finally(() => {
      if (this.#running === change) this.#running = undefined
    })
    this.#running = change
    return change
  }

  async #apply(options: Options): Promise<void> {
    const attachments = this.#attachments()
    for (const family of FAMILIES) {
      const wanted = planElements(attachments, family)
      const applied = this.#applied.get(family)
      try {
        await this.#nftables.commit(applied === 'unknown' || applied === undefined ? await this.#anew(family, wanted, applied, options) : changesOf(family, applied, wanted), options)
      } catch (error) {
        this.#applied.set(family, 'unknown')
        throw error
      }
      this.#applied.set(family, wanted)
      if (isEmpty(wanted)) this.#applied.delete(family)
    }
  }

  /** The whole table in one batch, in the place of whatever stands there; nothing when nothing is wanted. */
  async #anew(family: Family, wanted: Elements, applied: 'unknown' | undefined, options: Options): Promise<readonly Change[]> {
    const stands = applied === 'unknown' && (await this.#nftables.tables(options)).some(table => table.family === TABLE[family].family && table.table === TABLE[family].table)
    const remove: readonly Change[] = stands ? [{ kind: 'delete-table', table: TABLE[family] }] : []
    if (isEmpty(wanted)) return remove
    return [...remove, ...skeletonOf(family), ...SET_NAMES.flatMap(set => addition(family, set, [...wanted[set].values()]))]
  }

  async #stands(family: Family, known: Elements, options: Options): Promise<boolean> {
    const [chains, rules, present] = [await this.#nftables.chains(TABLE[family], options), await this.#nftables.rules(TABLE[family], options), await this.#read(family, options)]
    if (present === undefined || chains.length !== chainsOf(family).length || !sameRules(rules, rulesOf(family))) return false
    return planElementChanges(present, known).every(({ add, remove }) => add.length === 0 && remove.length === 0)
  }

  /** The table's elements; undefined when a set is missing. */
  async #read(family: Family, options: Options): Promise<Elements | undefined> {
    const sets = new Set((await this.#nftables.sets(TABLE[family], options)).map(set => set.set))
    if (!SET_NAMES.every(name => sets.has(name))) return undefined
    const read = async (set: SetName): Promise<readonly [SetName, ReadonlyMap<string, Element>]> => {
      const elements = await this.#nftables.elements({ ...TABLE[family], set }, options)
      return [set, new Map(elements.map(element => [Buffer.from(element.key).toString('hex'), element]))]
    }
    return Object.fromEntries(await Promise.all(SET_NAMES.map(read))) as unknown as Elements
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]()
    await this.#nftables[Symbol.asyncDispose]()
  }
}

const concernsUs = (event: NftablesEvent): boolean => event.kind === 'overrun' || (event.kind === 'object' && event.table === TABLE[4].table)

const addition = (family: Family, set: SetName, elements: readonly Element[]): readonly Change[] =>
  elements.length === 0 ? [] : [{ kind: 'add-elements', in: { ...TABLE[family], set }, elements }]

function changesOf(family: Family, applied: Elements, wanted: Elements): readonly Change[] {
  if (isEmpty(wanted)) return [{ kind: 'delete-table', table: TABLE[family] }]
  return planElementChanges(applied, wanted).flatMap(({ set, remove, add }) => [
    ...(remove.length === 0 ? [] : [{ kind: 'delete-elements', in: { ...TABLE[family], set }, elements: remove } as const]),
    ...addition(family, set, add),
  ])
}

/** Per chain, in order: the kernel lists a table's rules chain by chain, in an order of chains that is its own. */
function sameRules(present: readonly Rule[], wanted: readonly Rule[]): boolean {
  const format = (rules: readonly Rule[]): string => {
    const byChain = Map.groupBy(rules, rule => rule.chain)
    return [...byChain].sort(([a], [b]) => (a < b ? -1 : 1)).map(([chain, list]) => `${chain}: ${JSON.stringify(list.map(rule => rule.expressions.map(normal)))}`).join('\n')
  }
  return format(present) === format(wanted)
}

/** One form for what may be typed arrays or buffers, with fields in one order and zero flags left out. */
const normal = (expression: object): unknown =>
  Object.fromEntries(Object.entries(expression).filter(([key, value]) => !(key === 'flags' && value === 0)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value]))
