// From what the kernel holds to what it should hold: the difference, in batches, such that every moment in between is a
// working one. Regular chains and elements first, base chains last: a cold start fills and then switches over.

import { isDeepStrictEqual } from 'node:util'
import type { Family } from '../../net/ip/address.ts'
import { keyBytes } from '../../net/nfnetlink/datatypes.ts'
import type { Chain, Change, Rule, Set, Table, TableName } from '../../net/nfnetlink/objects.ts'
import { fixedChains } from './base-chains.ts'
import { chainName, chainRules } from './class-chain.ts'
import { contentText, elementText, identityOf, identityOfText, kernelElement } from './element-change.ts'
import type { EntryElement } from './entry-elements.ts'
import { classChainChanges, removeChain, type NftablesRuleset } from './ruleset.ts'
import { SET_NAMES, setDefinitions, tableOf, TABLE, type SetName } from './sets.ts'

export type KernelState = Readonly<{
  table: Table | undefined
  chains: readonly Chain[]
  rules: readonly Rule[]
  sets: readonly Set[]
  /** Of all sets but `affinity`, whose elements the packets write. */
  elements: KernelElements
}>

/** By set, what each element holds (`contentText`) by what tells it apart (`elementText`). */
export type KernelElements = ReadonlyMap<SetName, ReadonlyMap<string, string>>

export const EMPTY_KERNEL: KernelState = { table: undefined, chains: [], rules: [], sets: [], elements: new Map() }

/** Elements in one batch: less than a millisecond of the kernel's nf_tables lock, and so few that V8 collects them young. */
const BATCH_ELEMENTS = 500

/** What leads to an endpoint comes after it, and goes before it. */
const FILL_ORDER: readonly SetName[] = [
  'endpoints', 'node-port-endpoints', 'sticky-addresses', 'members', 'local-members', 'sticky-endpoints', 'sticky-services', 'sticky-node-ports', 'hairpin',
  'cluster-ips', 'service-cidrs', 'node-port-addresses', 'source-ranges', 'firewalled', 'no-endpoints', 'no-endpoint-node-ports', 'classes', 'services', 'node-ports',
]

/**
 * Yields batches to be committed one after the other, each worked out when it is asked for: all at once would be hundreds of
 * megabytes. Returns what was found missing or wrong ("chain dispatch", "set endpoints: 3 elements"), nothing when all was right.
 *
 * `kernel` must be a consistent reading. A table whose sets are of another shape is taken down and made anew.
 */
export function* planResync(kernel: KernelState, ruleset: NftablesRuleset): Generator<readonly Change[], readonly string[]> {
  const { options } = ruleset
  const where = tableOf(options.family)
  const definitions = setDefinitions(options.family)
  const misfits = definitions.filter(set => {
    const present = kernel.sets.find(candidate => candidate.set === set.set)
    return present !== undefined && !sameShape(present, set)
  })
  if (misfits.length > 0) {
    yield [{ kind: 'delete-table', table: where }]
    yield* planResync(EMPTY_KERNEL, ruleset)
    return misfits.map(set => `set ${set.set} has another shape`)
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
  const regular = fixedChanges.filter(({ chain }) => chain.base === undefined).flatMap(({ changes }) => changes)
  const base = fixedChanges.filter(({ chain }) => chain.base !== undefined).flatMap(({ changes }) => changes)
  if (frame.length + regular.length > 0) yield [...frame, ...regular]
  repairs.push(...(yield* diffSets(kernel.elements, ruleset, where)))
  if (base.length > 0) yield base
  if (strangers.length > 0) {
    yield strangers.map((name): Change => ({ kind: 'delete-rules', rule: { ...where, chain: name } }))
    yield strangers.flatMap(name => removeChain(options, name))
  }
  return repairs
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

type Finding = { element: EntryElement; stale: string | undefined }

/** Compares set by set. What is wrong is replaced within one batch; what leads to endpoints is switched last and withdrawn first. */
function* diffSets(kernel: KernelElements, ruleset: NftablesRuleset, where: TableName): Generator<readonly Change[], readonly string[]> {
  const findings = new Map<SetName, Finding[]>(SET_NAMES.map(set => [set, []]))
  const right = new Map<SetName, number>(SET_NAMES.map(set => [set, 0]))
  const wrong = new Map<SetName, number>(SET_NAMES.map(set => [set, 0]))
  const bump = (counts: Map<SetName, number>, set: SetName): unknown => counts.set(set, counts.get(set)! + 1)
  // Into an empty table, which no packet meets yet, everything may go as it comes.
  const early = [...kernel.values()].every(elements => elements.size === 0) ? FILLABLE : EARLY
  for (const element of ruleset.elements()) {
    const present = kernel.get(element.set)
    const stale = present === undefined || present.size === 0 ? undefined : present.get(elementText(element))
    if (stale !== undefined) bump(right, element.set)
    if (stale === contentText(element)) continue
    bump(wrong, element.set)
    const list = findings.get(element.set)!
    list.push({ element, stale })
    if (early.has(element.set) && list.length === BATCH_ELEMENTS) yield replacement(where, element.set, list.splice(0))
  }
  for (const set of FILL_ORDER) for (const list of chunks(findings.get(set)!, BATCH_ELEMENTS)) yield replacement(where, set, list)
  const repairs = FILL_ORDER.flatMap(set => {
    const count = wrong.get(set)! + (kernel.get(set)?.size ?? 0) - right.get(set)!
    return count === 0 ? [] : [`set ${set}: ${count} elements`]
  })
  const withStrangers = FILL_ORDER.toReversed().filter(set => (kernel.get(set)?.size ?? 0) > right.get(set)!)
  for (const [set, texts] of strangersOf(kernel, withStrangers, ruleset)) {
    const bytes = keyBytesOf(ruleset.options.family, set)
    for (const list of chunks(texts, BATCH_ELEMENTS)) yield [{ kind: 'delete-elements', in: { ...where, set }, elements: list.map(text => identityOfText(text, bytes)) }]
  }
  return repairs
}

/** Sets that may be filled before all others: nothing leads to their elements yet. */
const EARLY: ReadonlySet<SetName> = new globalThis.Set<SetName>(['endpoints', 'node-port-endpoints', 'sticky-endpoints'])

const FILLABLE: ReadonlySet<SetName> = new globalThis.Set<SetName>(FILL_ORDER)

function replacement(where: TableName, set: SetName, list: readonly Finding[]): readonly Change[] {
  const stale = list.filter(finding => finding.stale !== undefined)
  return [
    ...(stale.length === 0 ? [] : [{ kind: 'delete-elements', in: { ...where, set }, elements: stale.map(({ element }) => identityOf(element)) } satisfies Change]),
    { kind: 'add-elements', in: { ...where, set }, elements: list.map(({ element }) => kernelElement(element)) },
  ]
}

/** What the kernel holds and nobody wants, by set in the order of `sets`. Costs a second walk, which is rarely needed. */
function strangersOf(kernel: KernelElements, sets: readonly SetName[], ruleset: NftablesRuleset): ReadonlyMap<SetName, readonly string[]> {
  if (sets.length === 0) return new Map()
  const wanted = new Map(sets.map(set => [set, new globalThis.Set<string>()]))
  for (const element of ruleset.elements()) wanted.get(element.set)?.add(elementText(element))
  return new Map(sets.map(set => [set, [...kernel.get(set)!.keys()].filter(text => !wanted.get(set)!.has(text))]))
}

const keyBytesOf = (family: Family, set: SetName): number => keyBytes(setDefinitions(family).find(candidate => candidate.set === set)!.keyTypes)

function chunks<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
