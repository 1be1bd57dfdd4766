// Reads our table whole: the only place where the nftables mode looks at the kernel.

import type { Family } from '../../net/ip/address.ts'
import type { Nftables } from '../../net/nfnetlink/nftables.ts'
import { contentText, scannedText } from '../nftables/element-change.ts'
import { EMPTY_KERNEL, type KernelState } from '../nftables/plan-resync.ts'
import { SET_NAMES, tableOf, type SetName } from '../nftables/sets.ts'

/** Somebody else commits while we read: then the reading may be torn and is repeated, this often at most. */
const ATTEMPTS = 5

export type Reading = Readonly<{
  state: KernelState
  /** The ruleset's generation before the first object was read. */
  generation: number
  /** How many commits of our own it holds. */
  ownCommits: number
}>

/** A consistent reading, or the last one when commits of others never pause; the next resync then finds what it missed. */
export async function readKernelState(nft: Nftables, family: Family, options: { signal: AbortSignal }): Promise<Reading> {
  for (let attempt = 1; ; attempt += 1) {
    const generation = await nft.generation(options)
    const { ownCommits } = nft
    const state = await readOnce(nft, family, options)
    if (attempt === ATTEMPTS || (await nft.generation(options)) === generation) return { state, generation, ownCommits }
  }
}

async function readOnce(nft: Nftables, family: Family, options: { signal: AbortSignal }): Promise<KernelState> {
  const where = tableOf(family)
  const table = (await nft.tables(options)).find(candidate => candidate.family === where.family && candidate.table === where.table)
  if (table === undefined) return EMPTY_KERNEL
  const sets = await nft.sets(where, options)
  const elements = new Map<SetName, Map<string, string>>()
  for (const set of SET_NAMES) {
    if (set === 'affinity' || !sets.some(present => present.set === set)) continue
    const found = new Map<string, string>()
    await nft.scan({ ...where, set }, element => void found.set(scannedText(element), contentText(element)), options)
    elements.set(set, found)
  }
  return { table, sets, elements, chains: await nft.chains(where, options), rules: await nft.rules(where, options) }
}
