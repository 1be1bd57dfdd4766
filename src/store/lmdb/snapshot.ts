// Backups of the embedded store: a consistent copy while the server runs, and a new store made from one.

import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../store.ts'
import { committedRevision, META, openDatabases, openForReading } from './databases.ts'
import { lockDirectory } from './directory-lock.ts'
import { findDamage } from './file-check.ts'
import { encodeNumber } from './record.ts'

const DATA_FILE = 'data.mdb'
/** Added to the revision by a restore (etcdutl's --bump-revision): clients that saw later states then list again. */
const REVISION_BUMP = 1_000_000_000

export type SnapshotInfo = Readonly<{ revision: number; bytes: number }>

/** Copies the store in `directory` to `file`, which must not exist; it is there whole or not at all. */
export async function saveSnapshot(directory: string, file: string): Promise<SnapshotInfo> {
  if (existsSync(file)) throw new StoreError('SNAPSHOT_EXISTS', `${file} exists: choose another name`, { file })
  if (!existsSync(join(directory, DATA_FILE))) throw new StoreError('STORE_MISSING', `${directory}: there is no store: name the server's --data-dir`, { directory })
  const databases = openForReading(directory)
  const folder = `${file}.partial`
  try {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const copy = join(folder, DATA_FILE)
    await databases.root.backup(folder, true)
    const damage = findDamage(copy)
    if (damage !== undefined) throw new StoreError('SNAPSHOT_FAILED', `${file}: the copy is no good: ${damage}`, { file })
    renameSync(copy, file)
    const saved = await inspectSnapshot(file)
    return saved
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await databases.root.close()
  }
}

/** Makes a store in `directory`, which must hold none, from a snapshot. Throws StoreError when the file is no good. */
export async function restoreSnapshot(file: string, directory: string): Promise<SnapshotInfo> {
  if (existsSync(join(directory, DATA_FILE))) throw new StoreError('STORE_EXISTS', `${directory} holds a store already: name an empty --data-dir`, { directory })
  const damage = existsSync(file) ? findDamage(file) ?? (statSync(file).size === 0 ? 'it is empty' : undefined) : 'it does not exist'
  if (damage !== undefined) throw new StoreError('SNAPSHOT_DAMAGED', `${file} cannot be restored: ${damage}`, { file })
  const draft = `${directory}.restoring`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  try {
    copyFileSync(file, join(draft, DATA_FILE))
    const revision = await bumpRevision(draft)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    using _lock = lockDirectory(directory)
    renameSync(join(draft, DATA_FILE), join(directory, DATA_FILE))
    return { revision, bytes: statSync(join(directory, DATA_FILE)).size }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Raises the revision and forgets the history: nothing before the restore can be asked for any more. */
async function bumpRevision(directory: string): Promise<number> {
  const databases = openDatabases(directory)
  const { root, history, log, meta } = databases
  try {
    const revision = committedRevision(databases) + REVISION_BUMP
    await root.batch(() => {
      void history.clearAsync()
      void log.clearAsync()
      void meta.put(META.revision, encodeNumber(revision))
      void meta.put(META.compacted, encodeNumber(revision))
    })
    return revision
  } finally {
    await root.close()
  }
}

/** Reads a snapshot's revision. The file is left as it is. */
async function inspectSnapshot(file: string): Promise<SnapshotInfo> {
  const folder = `${file}.inspect`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  try {
    copyFileSync(file, join(folder, DATA_FILE))
    const databases = openForReading(folder)
    try {
      return { revision: committedRevision(databases), bytes: statSync(file).size }
    } finally {
      await databases.root.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
