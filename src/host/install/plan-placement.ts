// What to do about one path: compare what is wanted with what lies there and with what an earlier installation placed.

import { createHash } from 'node:crypto'
import type { Former, Journal, Placed, Placement } from './placement.ts'

/** A file or link as it was found; a folder is only there or not. */
export type Observed = Former | Readonly<{ kind: 'folder' }> | undefined

export type Action =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'make' }>
  /** The administrator changed this file: ours goes beside it, with `.new` behind its name. */
  | Readonly<{ kind: 'make beside' }>

export type PlacementPlan = Readonly<{ action: Action['kind']; placed: Placed | undefined }>

export const BESIDE = '.new'

/** `earlier` is what the journal has of this path. */
export function planPlacement(wanted: Placement, observed: Observed, earlier: Placed | undefined): PlacementPlan {
  const { kind, path } = wanted
  if (kind === 'folder') {
    const isThere = observed?.kind === 'folder'
    // Folders of our own name are ours whoever made them; at the end all go in which nothing is left.
    return { action: isThere ? 'none' : 'make', placed: wanted.shared && isThere ? earlier : { kind, path } }
  }
  const sha256 = digestOf(kind === 'file' ? wanted.content : wanted.target)
  const former = earlier === undefined ? (observed?.kind === 'folder' ? undefined : observed) : earlier.former
  const placed: Placed = { kind, path, sha256, ...(former === undefined ? {} : { former }) }
  if (observed === undefined || observed.kind === 'folder') return { action: 'make', placed }
  if (isAsWanted(wanted, observed)) return { action: 'none', placed }
  const edited = earlier !== undefined && observed.kind === 'file' && digestOf(Buffer.from(observed.base64, 'base64')) !== earlier.sha256
  if (kind === 'file' && wanted.edited === 'keep' && edited) return { action: earlier.sha256 === sha256 ? 'none' : 'make beside', placed: earlier }
  return { action: 'make', placed }
}

/** Of an earlier installation, what this one no longer has: to be removed, last made first. */
export const planObsolete = (journal: Journal, wanted: readonly Placement[]): readonly Placed[] => {
  const paths = new Set(wanted.map(({ path }) => path))
  return journal.placed.filter(({ path }) => !paths.has(path)).reverse()
}

export const digestOf = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

function isAsWanted(wanted: Placement, observed: Former): boolean {
  if (wanted.kind === 'link') return observed.kind === 'link' && observed.target === wanted.target
  if (wanted.kind !== 'file' || observed.kind !== 'file') return false
  return observed.mode === wanted.mode && Buffer.from(observed.base64, 'base64').equals(Buffer.from(wanted.content))
}
