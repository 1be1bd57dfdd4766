// What the kernel is to hold for a service table, and how a change of entries changes it. Remembers per entry only where
// its endpoints stand; everything else follows from the entry.

import { goto } from '../../net/nfnetlink/data.ts'
import type { Change } from '../../net/nfnetlink/objects.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import type { EntryChange } from '../service-table/service-table.ts'
import type { ServicePortKey } from '../tracker/service-port.ts'
import { fixedElements } from './base-chains.ts'
import { chainName, chainRules, isEntrance, withSuccessors, type ClassChain } from './class-chain.ts'
import { ClassNumbers } from './class-numbers.ts'
import { Counted } from './counted.ts'
import { diffElements, elementChanges, elementText } from './element-change.ts'
import { classesOf, NO_SLOTS, ownElements, sharedElements, wantedSlots, type EntryElement, type EntrySlots, type PlacedEntry } from './entry-elements.ts'
import { registerNumber } from './keys.ts'
import type { NftablesRulesetOptions } from './options.ts'
import { tableOf } from './sets.ts'
import { assignSlots } from './slots.ts'
import { diffStations, stationElements } from './stations.ts'
import { newStickiness, numberEndpoints, ServiceNumbers, type Stickiness } from './stickiness.ts'

/** What the kernel remembers of an entry. */
export type Seed = Readonly<{ slots: EntrySlots; stickiness: Stickiness | undefined }>

export type Memory = Readonly<{
  /** What is known of an entry. */
  seed: (entry: ServiceEntry) => Seed
  /** Numbers of service ports with affinity, whether their entries come again or not. */
  numbers: readonly number[]
  /** Numbers of classes by their chains' names. */
  classes: ReadonlyMap<string, number>
}>

const NO_MEMORY: Memory = { seed: () => ({ slots: NO_SLOTS, stickiness: undefined }), numbers: [], classes: new Map() }

export class NftablesRuleset {
  readonly options: NftablesRulesetOptions
  readonly #states = new Map<ServicePortKey, PlacedEntry>()
  readonly #shared = new Counted<EntryElement>()
  readonly #chains = new Counted<ClassChain>()
  readonly #numbers: ServiceNumbers
  readonly #classes: ClassNumbers
  #remembered: Memory
  /** Class chains that no service needs any more, by name: first their number is withdrawn, later they are removed. */
  readonly #idle = new Map<string, Readonly<{ chain: ClassChain; numbered: boolean }>>()

  /** `remembered` is what the kernel holds from before, for `plan` to place new entries by. */
  constructor(options: NftablesRulesetOptions, remembered: Memory = NO_MEMORY) {
    this.options = options
    this.#remembered = remembered
    this.#numbers = new ServiceNumbers(remembered.numbers)
    this.#classes = new ClassNumbers(remembered.classes)
  }

  /** Takes in the entries of a table, into an empty ruleset, without working out how the kernel changes by that. */
  load(entries: Iterable<ServiceEntry>): void {
    for (const entry of entries) {
      const state = this.#place(entry, this.#remembered.seed(entry))
      for (const element of sharedElements(entry)) this.#shared.retain(...identified(element))
      for (const chain of chainsOf(state)) this.#chains.retain(...named(chain))
      this.#states.set(entry.port.key, state)
    }
    // The rest of it belongs to nobody and is about to be removed; kept, it would weigh as much as the table.
    this.#remembered = NO_MEMORY
  }

  /** Takes in entry changes and answers the kernel changes, in an order that one atomic batch can have. */
  plan(changes: readonly EntryChange[]): readonly Change[] {
    const { family } = this.options
    const own = { before: [] as EntryElement[], after: [] as EntryElement[] }
    const shared = { before: [] as EntryElement[], after: [] as EntryElement[] }
    const chains = { before: [] as ClassChain[], after: [] as ClassChain[] }
    const take = (side: 'before' | 'after', placed: PlacedEntry | undefined): void => {
      if (placed === undefined) return
      own[side].push(...ownElements(placed, this.#classes.of))
      shared[side].push(...sharedElements(placed.entry))
      chains[side].push(...chainsOf(placed))
    }
    for (const { key, after } of changes) {
      const old = this.#states.get(key)
      const now = after === undefined ? undefined : this.#place(after, old ?? this.#remembered.seed(after))
      if (old?.stickiness !== undefined && now?.stickiness === undefined) this.#numbers.release(old.stickiness.service)
      take('before', old)
      take('after', now)
      const slots = diffStations(old, now)
      for (const element of slots.remove) own.before.push(element)
      for (const element of slots.add) own.after.push(element)
      if (now === undefined) this.#states.delete(key)
      else this.#states.set(key, now)
    }
    const elements = diffElements(own.before, own.after)
    const common = this.#shared.update(shared.before.map(identified), shared.after.map(identified))
    const classes = this.#chains.update(chains.before.map(named), chains.after.map(named))
    for (const chain of classes.gone) this.#idle.set(chainName(chain), { chain, numbered: isEntrance(chain) })
    return [
      ...classes.came.flatMap(chain => this.#enterClass(chain)),
      ...elementChanges(family, { remove: [...elements.remove, ...common.gone], add: [...elements.add, ...common.came] }),
    ]
  }

  #enterClass(chain: ClassChain): readonly Change[] {
    const idle = this.#idle.get(chainName(chain))
    this.#idle.delete(chainName(chain))
    return [
      ...(idle === undefined ? classChainChanges(chain, this.options) : []),
      ...(isEntrance(chain) && idle?.numbered !== true ? elementChanges(this.options.family, { remove: [], add: [this.#classElement(chain)] }) : []),
    ]
  }

  #classElement(chain: ClassChain): EntryElement {
    const name = chainName(chain)
    return { set: 'classes', key: registerNumber(this.#classes.of(name)), data: goto(name) }
  }

  /**
   * Withdraws the numbers of classes that have become idle since, and removes chains whose number was withdrawn before. Not
   * in the batch that took the last use away: a packet on its way through the table may already hold what leads there, and
   * before Linux 6.2 an element removed in the same batch still counts as a use.
   */
  planIdle(): readonly Change[] {
    const idle = [...this.#idle.values()].sort((a, b) => withSuccessors(b.chain).length - withSuccessors(a.chain).length)
    this.#idle.clear()
    const numbers = idle.filter(({ numbered }) => numbered).map(({ chain }) => this.#classElement(chain))
    for (const { chain, numbered } of idle) {
      if (!numbered) continue
      this.#classes.release(chainName(chain))
      for (const each of withSuccessors(chain)) {
        const name = chainName(each)
        if (each === chain || idle.some(other => chainName(other.chain) === name)) this.#idle.set(name, { chain: each, numbered: false })
      }
    }
    const removed = idle.filter(({ chain }) => !this.#idle.has(chainName(chain)))
    return [...elementChanges(this.options.family, { remove: numbers, add: [] }), ...removed.flatMap(({ chain }) => removeChain(this.options, chainName(chain)))]
  }

  /** How many service ports it holds. */
  get size(): number {
    return this.#states.size
  }

  /** Every element that should be in the kernel, one after the other (there may be hundreds of thousands): endpoints by index first. */
  *elements(): Generator<EntryElement> {
    for (const state of this.#states.values()) yield* stationElements(state)
    yield* fixedElements(this.options)
    yield* this.#shared.values()
    for (const chain of this.#chains.values()) if (isEntrance(chain)) yield this.#classElement(chain)
    for (const state of this.#states.values()) yield* ownElements(state, this.#classes.of)
  }

  /** The class chains in use, each behind the one it continues in. */
  classChains(): readonly ClassChain[] {
    return [...this.#chains.values()].sort((a, b) => withSuccessors(a).length - withSuccessors(b).length)
  }

  #place(entry: ServiceEntry, before: Seed): PlacedEntry {
    const slots = { cluster: assignSlots(before.slots.cluster, wantedSlots(entry, 'cluster')), local: assignSlots(before.slots.local, wantedSlots(entry, 'local')) }
    if (entry.port.affinityTimeoutSeconds === undefined) return { entry, slots, stickiness: undefined }
    const known = this.#states.get(entry.port.key)?.stickiness
    const base = known ?? { ...(before.stickiness ?? newStickiness(0)), service: this.#numbers.take(before.stickiness?.service) }
    // A number that another service port took meanwhile: the endpoints' numbers, made from it, are no use either.
    const usable = base.service === before.stickiness?.service || known !== undefined ? base : newStickiness(base.service)
    return { entry, slots, stickiness: numberEndpoints(usable, slots.cluster, slots.local) }
  }
}

const identified = (element: EntryElement): readonly [string, EntryElement] => [`${element.set} ${elementText(element)}`, element]

/** The chains that an entry needs, each once. */
const chainsOf = (placed: PlacedEntry): readonly ClassChain[] => [...new Map(classesOf(placed).flatMap(withSuccessors).map(named)).values()]

const named = (chain: ClassChain): readonly [string, ClassChain] => [chainName(chain), chain]

/** The chain and its rules. */
export function classChainChanges(chain: ClassChain, options: NftablesRulesetOptions): readonly Change[] {
  const where = { ...tableOf(options.family), chain: chainName(chain) }
  return [
    { kind: 'add-chain', chain: where },
    ...chainRules(chain, options).map((expressions): Change => ({ kind: 'add-rule', rule: { ...where, expressions } })),
  ]
}

export const removeChain = (options: NftablesRulesetOptions, chain: string): readonly Change[] => {
  const where = { ...tableOf(options.family), chain }
  return [{ kind: 'delete-rules', rule: where }, { kind: 'delete-chain', chain: where }]
}
