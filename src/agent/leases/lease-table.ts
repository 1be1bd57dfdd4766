// The leases last read from a store, one per owner. An entry that becomes unreadable keeps its last good
// value: a mistake of one host must not cost the others their network (flannel drops all peers here).

import { sameLease, type Lease } from './lease.ts'
import type { LeaseProblem } from './lease-manager.ts'

export type LeaseSource = Readonly<{
  owner: string
  /** The lease; undefined when the owner has none. Throws when it cannot be read. */
  read: () => Lease | undefined
}>

export type LeaseTable = Readonly<{ leases: ReadonlyMap<string, Lease>; problems: readonly LeaseProblem[] }>

export const EMPTY_TABLE: LeaseTable = { leases: new Map(), problems: [] }

/** The table after the store holds exactly `sources`. Pure. */
export function readLeases(previous: LeaseTable, sources: readonly LeaseSource[]): LeaseTable {
  const leases = new Map<string, Lease>()
  const problems: LeaseProblem[] = []
  for (const source of sources) {
    let lease: Lease | undefined
    try {
      lease = source.read()
    } catch (error) {
      lease = previous.leases.get(source.owner)
      problems.push({ owner: source.owner, message: (error as Error).message })
    }
    if (lease !== undefined) leases.set(source.owner, keptIfEqual(previous.leases.get(source.owner), lease))
  }
  return { leases, problems }
}

/** The object known before, when it says the same: then whoever compares tables need not look inside. */
const keptIfEqual = (before: Lease | undefined, now: Lease): Lease =>
  before !== undefined && (before === now || (before.age === now.age && sameLease(before, now))) ? before : now

/** True when nothing changed that anybody must be told of. */
export function sameTable(a: LeaseTable, b: LeaseTable): boolean {
  if (a.leases.size !== b.leases.size || a.problems.length !== b.problems.length) return false
  for (const [owner, lease] of a.leases) if (b.leases.get(owner) !== lease) return false
  return a.problems.every((problem, index) => problem.owner === b.problems[index]!.owner && problem.message === b.problems[index]!.message)
}

/**
 * True when `next` would take most peers away at once: more likely an empty answer of a sick store than the end of
 * half the hosts. The threshold of four keeps small clusters quick.
 */
export function isMassRemoval(previous: LeaseTable, next: LeaseTable): boolean {
  const removed = [...previous.leases.keys()].filter(owner => !next.leases.has(owner)).length
  return previous.leases.size >= 4 && removed * 2 > previous.leases.size
}
