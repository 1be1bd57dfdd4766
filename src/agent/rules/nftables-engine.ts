// The rules through the nft program, one transaction per change of both tables.

import { isAbort, WeftError } from '../../ops/errors.ts'
import { FAMILIES } from '../leases/per-family.ts'
import { droppingForwardChains } from './forward-policy.ts'
import { formatNftScript, planNftables, tableName } from './nftables-plan.ts'
import type { RulesInput } from './iptables-plan.ts'
import type { RuleEngine } from './rule-engine.ts'
import { runNft } from './run-nft.ts'

/** "add table" and "delete table", which a listing does not have. */
const HEAD_LINES = 2

const lineCount = (text: string): number => text.split('\n').filter(line => line.trim() !== '').length

type Call = Readonly<{ signal: AbortSignal }>

export class NftablesEngine implements RuleEngine {
  readonly name = 'nftables'
  readonly canRandomFully: boolean
  /** What was written last, and how nft prints it back: the only form that can be compared with a later listing. */
  #last: Readonly<{ script: string; listings: ReadonlyMap<string, string> }> | undefined

  private constructor(canRandomFully: boolean) {
    this.canRandomFully = canRandomFully
  }

  /** Asks nft whether this kernel knows fully-random, as flannel does. Throws NFT_MISSING. */
  static async open(call: Call): Promise<NftablesEngine> {
    const probe = 'table ip weft-probe { chain p { type nat hook postrouting priority srcnat; masquerade fully-random; }; }\n'
    try {
      await runNft(['--check', '-f', '-'], { script: probe, ...call })
      return new NftablesEngine(true)
    } catch (error) {
      if (isAbort(error, call.signal) || (error as WeftError).code === 'NFT_MISSING') throw error
      return new NftablesEngine(false)
    }
  }

  async ensure(input: RulesInput, call: Call): Promise<readonly string[]> {
    const tables = planNftables(input)
    const script = formatNftScript(tables)
    if (this.#last?.script === script && (await this.#isAsLeft(call))) return []
    await runNft(['-f', '-'], { script, ...call })
    const listings = new Map<string, string>()
    for (const table of tables) {
      const listing = (await listTable(table.table, call)) ?? ''
      // Someone may have written between our write and this look: what has other lines than ours is no model.
      if (lineCount(listing) === lineCount(formatNftScript([table])) - HEAD_LINES) listings.set(table.table, listing)
    }
    this.#last = listings.size === tables.length ? { script, listings } : undefined
    return tables.map(({ table }) => table)
  }

  async #isAsLeft(call: Call): Promise<boolean> {
    for (const [table, listing] of this.#last!.listings) {
      if ((await listTable(table, call)) !== listing) return false
    }
    return true
  }

  async hindrances({ networks, forward }: RulesInput, call: Call): Promise<readonly string[]> {
    return forward ? droppingForwardChains(await runNft(['-j', 'list', 'chains'], call), networks) : []
  }

  async remove(instance: string, call: Call): Promise<void> {
    await removeNftTables(instance, call)
    this.#last = undefined
  }
}

/** Both tables of an instance, in one transaction. "add" first, so that a table that is not there is no error. */
export async function removeNftTables(instance: string, call: Call): Promise<void> {
  const tables = FAMILIES.map(family => tableName(family, instance))
  await runNft(['-f', '-'], { script: tables.map(table => `add table ${table}\ndelete table ${table}\n`).join(''), ...call })
}

/** The table as nft prints it, without counters or handles; undefined when there is none. */
async function listTable(table: string, call: Call): Promise<string | undefined> {
  try {
    return await runNft(['--stateless', 'list', 'table', ...table.split(' ')], call)
  } catch (error) {
    if (error instanceof WeftError && error.code === 'NFT_FAILED') return undefined
    throw error
  }
}
