// The LMDB environment and its five tables. Everything is read and written as bytes.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { StoreError } from '../store.ts'
import { findDamage } from './file-check.ts'
import { decodeNumber } from './record.ts'

const MAP_BYTES = 1024 ** 3

export type Table = Database<Buffer, Buffer>

export type Databases = Readonly<{
  root: RootDatabase<Buffer, Buffer>
  current: Table
  history: Table
  log: Table
  expiry: Table
  meta: Table
}>

export const META = { revision: Buffer.from('revision'), compacted: Buffer.from('compacted') } as const

/** Opens or makes the environment in `directory`. Throws StoreError when the file is not what we wrote. */
export function openDatabases(directory: string): Databases {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return openEnvironment(directory, { readOnly: false })
}

/** Opens an environment that another process may be writing. */
export const openForReading = (directory: string): Databases => openEnvironment(directory, { readOnly: true })

function openEnvironment(directory: string, { readOnly }: Readonly<{ readOnly: boolean }>): Databases {
  try {
    const damage = findDamage(join(directory, 'data.mdb'))
    if (damage !== undefined) throw new Error(damage)
    const root = open<Buffer, Buffer>({
      path: directory,
      noSubdir: false,
      readOnly,
      maxDbs: 8,
      // Room in the address space, not in the file. Each time a map grows the old one stays, and every page counts anew.
      mapSize: MAP_BYTES,
      encoding: 'binary',
      keyEncoding: 'binary',
      compression: false,
      // A write's promise then means "on disk" (fdatasync done), which is what a reply promises.
      overlappingSync: false,
    })
    const table = (name: string): Table => root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
    const databases = { root, current: table('current'), history: table('history'), log: table('log'), expiry: table('expiry'), meta: table('meta') }
    committedRevision(databases)
    return databases
  } catch (cause) {
    throw new StoreError('STORE_OPEN_FAILED', `${directory}: cannot open the store: ${(cause as Error).message}; restore a snapshot or name another --data-dir`, { directory }, { cause })
  }
}

/** The revision of the newest transaction in the file, as the present read snapshot sees it. */
export function committedRevision({ meta }: Databases): number {
  const bytes = meta.get(META.revision)
  return bytes === undefined ? 0 : decodeNumber(bytes)
}

/** States older than this are forgotten. */
export function compactedRevision({ meta }: Databases): number {
  const bytes = meta.get(META.compacted)
  return bytes === undefined ? 0 : decodeNumber(bytes)
}
