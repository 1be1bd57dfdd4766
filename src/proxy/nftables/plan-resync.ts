// From what the kernel holds to what it should hold: the difference, in batches, such that every moment in between is a
// working one. Regular chains and elements first, base chains last: a cold start fills and then switches over.

import { isDeepStrictEqual } from 'node:util'
import type { Chain, Change, Element, Rule, Set, Table } from '../../net/nfnetlink/objects.ts'
import { fixedChains } from './base-chains.ts'
import { chainName, chainRules } from './class-chain.ts'
import { elementText, identityOf, kernelElement, sameData } from './element-change.ts'
import type { EntryElement } from './entry-elements.ts'
import { classChainChanges, removeChain, type NftablesRuleset } from './ruleset.ts'
import { setDefinitions, tableOf, TABLE, type SetName } from './sets.ts'

export type KernelState = Readonly<{
  table: Table | undefined
  chains: readonly Chain[]
  rules: readonly Rule[]
  sets: readonly Set[]
  /** Of all sets but `affinity`, whose elements the packets write. */
  elements: ReadonlyMap<SetName, readonly Element[]>
}>

export const EMPTY_KERNEL: KernelState = { table: undefined, chains: [], rules: [], sets: [], elements: new Map() }

export type Resync = Readonly<{
  batches: readonly (readonly Change[])[]
  /** What was found missing or wrong: "chain dispatch", "set endpoints: 3 elements". Empty when all was right. */
  repairs: readonly string[]
}>

/** Elements in one batch: about 3 ms of the kernel's nf_tables lock. */
const BATCH_ELEMENTS = 2000

/** Verdicts come after what they lead to, and go before it. */
const FILL_ORDER: readonly SetName[] = [
  'endpoints', 'node-port-endpoints', 'sticky-addresses', 'members', 'local-members', 'sticky-endpoints', 'sticky-services', 'sticky-node-ports', 'hairpin',
  'cluster-ips', 'service-cidrs', 'node-port-addresses', 'source-ranges', 'firewalled', 'no-endpoints', 'no-endpoint-node-ports', 'services', 'node-ports',
]

/** `kernel` must be a consistent reading. A table whose sets are of another shape is taken down and made anew. */
export function planResync(kernel: KernelState, ruleset: NftablesRuleset): Resync {
  const { options } = ruleset
  const where = tableOf(options.family)
  const definitions = setDefinitions(options.family)
  const misfits = definitions.filter(set => {
    const present = kernel.sets.find(candidate => candidate.set === set.set)
    return present !== undefined && !sameShape(present, set)
  })
  if (misfits.length > 0) {
    const rebuilt = planResync(EMPTY_KERNEL, ruleset)
    return { batches: [[{ kind: 'delete-table', table: where }], ...rebuilt.batches], repairs: misfits.map(set => `set ${set.set} has another shape`) }
  }
  const repairs: string[] = []
  const frame: Change[] = []
  if (kernel.table === undefined) {
    frame.push({ kind: 'add-table', table: { ...where, comment: 'rules for Services by weft proxy; changes are undone' } })
    repairs.push(`table ${TABLE}`)
  }
  for (const set of definitions) {
    if (kernel.sets.some(present => present.set === set.set)) continue
    frame.push({ kind: 'add-set', set })
    repairs.push(`set ${set.set}`)
  }
  const fixed = fixedChains(options)
  const rulesOf = Map.groupBy(kernel.rules, rule => rule.chain)
  const present = new globalThis.Set(kernel.chains.map(chain => chain.chain))
  const fixedChanges = fixed.map(({ chain, rules }) => {
    const wanted = rules.map(rule => ({ ...where, chain: chain.chain, ...rule }))
    if (present.has(chain.chain) && sameBase(kernel.chains, chain) && sameRules(rulesOf.get(chain.chain), wanted)) return { chain, changes: [] }
    repairs.push(`chain ${chain.chain}`)
    return { chain, changes: renewChain(chain, wanted, present.has(chain.chain) ? (sameBase(kernel.chains, chain) ? 'refill' : 'replace') : 'add') }
  })
  const classes = ruleset.classChains()
  for (const chain of classes) {
    const name = chainName(chain)
    const wanted = chainRules(chain, options).map(expressions => ({ ...where, chain: name, expressions }))
    if (!present.has(name)) frame.push(...classChainChanges(chain, options))
    else if (!sameRules(rulesOf.get(name), wanted)) frame.push(...renewChain({ ...where, chain: name }, wanted, 'refill'))
    else continue
    repairs.push(`chain ${name}`)
  }
  const wantedChains = new globalThis.Set([...fixed.map(({ chain }) => chain.chain), ...classes.map(chainName)])
  const strangers = [...present].filter(name => !wantedChains.has(name))
  if (strangers.length > 0) repairs.push(`chains nobody needs: ${strangers.join(', ')}`)
  const elements = diffSets(kernel, ruleset.elements(), where)
  repairs.push(...elements.repairs)
  const regular = fixedChanges.filter(({ chain }) => chain.base === undefined).flatMap(({ changes }) => changes)
  const base = fixedChanges.filter(({ chain }) => chain.base !== undefined).flatMap(({ changes }) => changes)
  return {
    batches: [[...frame, ...regular], ...elements.batches, base, strangers.flatMap(name => [{ kind: 'delete-rules', rule: { ...where, chain: name } } satisfies Change]), strangers.flatMap(name => removeChain(options, name))].filter(batch => batch.length > 0),
    repairs,
  }
}

/** `replace` makes a base chain anew, because hook and priority of one that exists cannot change. */
function renewChain(chain: Chain, rules: readonly Rule[], how: 'add' | 'refill' | 'replace'): readonly Change[] {
  const empty: readonly Change[] = [{ kind: 'delete-rules', rule: chain }]
  return [
    ...(how === 'add' ? [] : empty),
    ...(how === 'replace' ? [{ kind: 'delete-chain', chain } satisfies Change] : []),
    ...(how === 'refill' ? [] : [{ kind: 'add-chain', chain } satisfies Change]),
    ...rules.map((rule): Change => ({ kind: 'add-rule', rule })),
  ]
}

function sameBase(chains: readonly Chain[], wanted: Chain): boolean {
  return isDeepStrictEqual(chains.find(chain => chain.chain === wanted.chain)?.base, wanted.base)
}

/** Buffers and plain byte arrays count as the same. */
const plain = (rules: readonly Rule[] | undefined): unknown =>
  (rules ?? []).map(({ expressions, comment }) => ({
    comment,
    expressions: expressions.map(expression => Object.fromEntries(Object.entries(expression).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]))),
  }))

const sameRules = (present: readonly Rule[] | undefined, wanted: readonly Rule[]): boolean => isDeepStrictEqual(plain(present), plain(wanted))

const sameShape = (a: Set, b: Set): boolean =>
  isDeepStrictEqual([a.keyTypes, a.data, a.interval, a.timeout, a.dynamic, a.size], [b.keyTypes, b.data, b.interval, b.timeout, b.dynamic, b.size])

/** Compares set by set. What is wrong is replaced within one batch; verdicts are switched last and withdrawn first. */
function diffSets(kernel: KernelState, wanted: Iterable<EntryElement>, where: ReturnType<typeof tableOf>): Resync {
  const leftover = new Map([...kernel.elements].map(([set, list]) => [set, new Map(list.map(element => [elementText(element), element]))]))
  const missing = new Map<SetName, EntryElement[]>()
  const wrong = new Map<SetName, { stale: Element; fresh: EntryElement }[]>()
  const put = <T>(map: Map<SetName, T[]>, set: SetName, item: T): void => {
    const list = map.get(set)
    if (list === undefined) map.set(set, [item])
    else list.push(item)
  }
  for (const element of wanted) {
    const id = elementText(element)
    const found = leftover.get(element.set)?.get(id)
    if (found !== undefined) leftover.get(element.set)!.delete(id)
    if (found !== undefined && sameData(found, element)) continue
    if (found === undefined) put(missing, element.set, element)
    else put(wrong, element.set, { stale: found, fresh: element })
  }
  const additions = FILL_ORDER.flatMap(set => [
    ...chunks(missing.get(set) ?? [], BATCH_ELEMENTS).map((list): Change[] => [{ kind: 'add-elements', in: { ...where, set }, elements: list.map(kernelElement) }]),
    ...chunks(wrong.get(set) ?? [], BATCH_ELEMENTS).map((list): Change[] => [
      { kind: 'delete-elements', in: { ...where, set }, elements: list.map(({ stale }) => identityOf(stale)) },
      { kind: 'add-elements', in: { ...where, set }, elements: list.map(({ fresh }) => kernelElement(fresh)) },
    ]),
  ])
  const removals = FILL_ORDER.toReversed().flatMap(set =>
    chunks([...(leftover.get(set)?.values() ?? [])].map(identityOf), BATCH_ELEMENTS).map((elements): Change[] => [{ kind: 'delete-elements', in: { ...where, set }, elements }]),
  )
  const repairs = FILL_ORDER.flatMap(set => {
    const count = (missing.get(set)?.length ?? 0) + (wrong.get(set)?.length ?? 0) + (leftover.get(set)?.size ?? 0)
    return count === 0 ? [] : [`set ${set}: ${count} elements`]
  })
  return { batches: [...additions, ...removals], repairs }
}

function chunks<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
