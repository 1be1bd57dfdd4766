// Keeps the table in line with the attachments: one atomic batch per change, everything anew when somebody else touched it.

import type { Change, Element, Rule } from '../../../src/net/nfnetlink/objects.ts'
import { Nftables, watchNftables, type NftablesEvent } from '../../../src/net/nfnetlink/nftables.ts'
import type { Attachment } from '../attachment/attachment.ts'
import { formatConditions } from '../config/conditions.ts'
import { isEmpty, planConditions, planElementChanges, planElements, type Elements } from './plan-elements.ts'
import type { FoundTable, FoundTables } from './read-claims.ts'
import { chainsOf, conditionChanges, rulesOf, SET_NAMES, setNamesOf, skeletonOf, TABLE_KEYS, tableOf, type Conditions, type SetName, type TableKey } from './tables.ts'

type Options = Readonly<{ signal: AbortSignal }>

/** What a table of ours holds, or is to hold. */
type Content = Readonly<{ elements: Elements; conditions: Conditions }>

export class PodRules implements AsyncDisposable {
  readonly #attachments: () => readonly Attachment[]
  readonly #nftables = Nftables.open()
  readonly #watch: AsyncDisposable
  /** What each of our tables holds; undefined: nothing, "unknown": to be read from the kernel. */
  readonly #applied = new Map<TableKey, Content | 'unknown'>(TABLE_KEYS.map(key => [key, 'unknown']))
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

  /** Reads the tables back and mends what differs; answers those that were mended. */
  async repair(options: Options): Promise<readonly TableKey[]> {
    await this.#running?.catch(() => undefined)
    const mended: TableKey[] = []
    for (const key of TABLE_KEYS) {
      const known = this.#applied.get(key)
      if (known === undefined || known === 'unknown') continue
      if (await this.#stands(key, known, options)) continue
      this.#applied.set(key, 'unknown')
      mended.push(key)
    }
    if (mended.length > 0) await this.sync(options)
    return mended
  }

  /** True when the kernel holds everything that this attachment needs. */
  async holds(attachment: Attachment, options: Options): Promise<boolean> {
    for (const key of TABLE_KEYS) {
      const wanted = planElements([attachment], key)
      if (isEmpty(wanted)) continue
      const present = await this.#read(key, options)
      if (present === undefined || !SET_NAMES.every(set => [...wanted[set].keys()].every(element => present[set].has(element)))) return false
    }
    return true
  }

  /** Our tables as they stand, for records that were lost. */
  async read(options: Options): Promise<FoundTables> {
    const tables = new Map<TableKey, FoundTable>()
    for (const key of TABLE_KEYS) {
      const present = new Set((await this.#nftables.sets(tableOf(key), options)).map(({ set }) => set))
      const sets = new Map<SetName, readonly Element[]>()
      for (const set of setNamesOf(key)) if (present.has(set)) sets.set(set, await this.#nftables.elements({ ...tableOf(key), set }, options))
      if (sets.size > 0) tables.set(key, { sets, rules: await this.#nftables.rules(tableOf(key), options) })
    }
    return tables
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
    for (const key of TABLE_KEYS) {
      const wanted: Content = { elements: planElements(attachments, key), conditions: planConditions(attachments, key) }
      const applied = this.#applied.get(key)
      try {
        await this.#nftables.commit(applied === 'unknown' || applied === undefined ? await this.#anew(key, wanted, applied, options) : changesOf(key, applied, wanted), options)
      } catch (error) {
        this.#applied.set(key, 'unknown')
        throw error
      }
      this.#applied.set(key, wanted)
      if (isEmpty(wanted.elements)) this.#applied.delete(key)
    }
  }

  /** The whole table in one batch, in the place of whatever stands there; nothing when nothing is wanted. */
  async #anew(key: TableKey, { elements, conditions }: Content, applied: 'unknown' | undefined, options: Options): Promise<readonly Change[]> {
    const { family, table } = tableOf(key)
    const stands = applied === 'unknown' && (await this.#nftables.tables(options)).some(each => each.family === family && each.table === table)
    const remove: readonly Change[] = stands ? [{ kind: 'delete-table', table: { family, table } }] : []
    if (isEmpty(elements)) return remove
    return [...remove, ...skeletonOf(key, conditions), ...SET_NAMES.flatMap(set => addition(key, set, [...elements[set].values()]))]
  }

  async #stands(key: TableKey, known: Content, options: Options): Promise<boolean> {
    const [chains, rules, present] = [await this.#nftables.chains(tableOf(key), options), await this.#nftables.rules(tableOf(key), options), await this.#read(key, options)]
    if (present === undefined || chains.length !== chainsOf(key).length || !sameRules(rules, rulesOf(key, known.conditions))) return false
    return planElementChanges(present, known.elements).every(({ add, remove }) => add.length === 0 && remove.length === 0)
  }

  /** The table's elements; undefined when a set is missing. */
  async #read(key: TableKey, options: Options): Promise<Elements | undefined> {
    const sets = new Set((await this.#nftables.sets(tableOf(key), options)).map(set => set.set))
    const names = setNamesOf(key)
    if (!names.every(name => sets.has(name))) return undefined
    const read = async (set: SetName): Promise<readonly [SetName, ReadonlyMap<string, Element>]> => {
      const elements = names.includes(set) ? await this.#nftables.elements({ ...tableOf(key), set }, options) : []
      return [set, new Map(elements.map(element => [Buffer.from(element.key).toString('hex'), element]))]
    }
    return Object.fromEntries(await Promise.all(SET_NAMES.map(read))) as unknown as Elements
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]()
    await this.#nftables[Symbol.asyncDispose]()
  }
}

const concernsUs = (event: NftablesEvent): boolean => event.kind === 'overrun' || (event.kind === 'object' && event.table === tableOf(4).table)

const addition = (key: TableKey, set: SetName, elements: readonly Element[]): readonly Change[] =>
  elements.length === 0 ? [] : [{ kind: 'add-elements', in: { ...tableOf(key), set }, elements }]

function changesOf(key: TableKey, applied: Content, wanted: Content): readonly Change[] {
  if (isEmpty(wanted.elements)) return [{ kind: 'delete-table', table: tableOf(key) }]
  const otherConditions = key !== 'bridge' && JSON.stringify(applied.conditions.map(formatConditions)) !== JSON.stringify(wanted.conditions.map(formatConditions))
  return [
    ...planElementChanges(applied.elements, wanted.elements).flatMap(({ set, remove, add }) => [
      ...(remove.length === 0 ? [] : [{ kind: 'delete-elements', in: { ...tableOf(key), set }, elements: remove } as const]),
      ...addition(key, set, add),
    ]),
    ...(otherConditions ? conditionChanges(key, wanted.conditions) : []),
  ]
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
