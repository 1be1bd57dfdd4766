// Parser of iptables-save output.

import { commentOf } from './rule-text.ts'

export const TABLE_NAMES = ['raw', 'mangle', 'nat', 'filter', 'security'] as const
export type TableName = (typeof TABLE_NAMES)[number]

export type SavedChain = Readonly<{
  name: string
  /** ACCEPT or DROP for a built-in chain; undefined for a user's chain. */
  policy: string | undefined
  /** Rules in order, without "-A CHAIN ", as iptables-save prints them, counters left out. */
  rules: readonly string[]
}>

export type SavedTable = Readonly<{ table: TableName; chains: ReadonlyMap<string, SavedChain> }>

/**
 * Parses the output of iptables-save (one or more tables). Comment lines are skipped, and so are counters.
 * Tables that Weft does not know are skipped whole.
 */
export function parseSave(text: string): ReadonlyMap<TableName, SavedTable> {
  const tables = new Map<TableName, SavedTable>()
  let chains: Map<string, { name: string; policy: string | undefined; rules: string[] }> | undefined
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const line = text.slice(start, end)
    start = end + 1
    if (line.startsWith('*')) {
      const table = TABLE_NAMES.find(name => name === line.slice(1).trim())
      chains = table === undefined ? undefined : new Map()
      if (table !== undefined) tables.set(table, { table, chains: chains! })
    } else if (chains !== undefined && line.startsWith(':')) {
      const [name = '', policy = '-'] = line.slice(1).split(' ', 2)
      chains.set(name, { name, policy: policy === '-' ? undefined : policy, rules: [] })
    } else if (chains !== undefined) {
      const rule = ruleLine(line)
      if (rule !== undefined) chains.get(rule.chain)?.rules.push(rule.text)
    }
  }
  return tables
}

/** "[0:0] -A CHAIN rest" or "-A CHAIN rest". */
function ruleLine(line: string): { chain: string; text: string } | undefined {
  const at = line.startsWith('-A ') ? 3 : line.startsWith('[') ? line.indexOf(' -A ') + 4 : 0
  if (at < 3) return undefined
  const blank = line.indexOf(' ', at)
  return blank === -1 ? { chain: line.slice(at), text: '' } : { chain: line.slice(at, blank), text: line.slice(blank + 1) }
}

/** The rules of a table that carry a comment for which `matches` says yes, with their chains. */
export const rulesByComment = (
  saved: SavedTable,
  matches: (comment: string) => boolean,
): readonly Readonly<{ chain: string; rule: string }>[] =>
  [...saved.chains.values()].flatMap(chain =>
    chain.rules
      .filter(rule => {
        const comment = commentOf(rule)
        return comment !== undefined && matches(comment)
      })
      .map(rule => ({ chain: chain.name, rule })),
  )
