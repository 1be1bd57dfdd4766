// Looks at an LMDB file before LMDB does: opening one whose first pages are damaged, or which was cut short, ends
// the process with a signal instead of an error. Layout: struct MDB_meta in mdb.c of the LMDB that lmdb 3.5 bundles.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0xbeefc0de
const PAGE_HEADER = 24
const OFFSET = { magic: PAGE_HEADER, pageSize: PAGE_HEADER + 24, lastPage: PAGE_HEADER + 120, transaction: PAGE_HEADER + 128 } as const
/** The smallest page LMDB uses; the second meta page starts at the first one's page size. */
const META_BYTES = 512

type Meta = Readonly<{ pageSize: number; lastPage: number; transaction: number }>

/** A sentence on what is wrong with the file, or undefined when it is absent, empty or sound at first sight. */
export function findDamage(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = fstatSync(file)
    if (size === 0) return undefined
    const first = readMeta(file, 0)
    const second = first === undefined ? undefined : readMeta(file, first.pageSize)
    if (first === undefined || second === undefined) return 'its first pages are not those of an LMDB file'
    const newest = first.transaction > second.transaction ? first : second
    const needed = (newest.lastPage + 1) * newest.pageSize
    return size < needed ? `it has ${size} bytes where at least ${needed} are in use` : undefined
  } finally {
    closeSync(file)
  }
}

function readMeta(file: number, position: number): Meta | undefined {
  const bytes = Buffer.alloc(META_BYTES)
  if (readSync(file, bytes, 0, META_BYTES, position) < META_BYTES || bytes.readUInt32LE(OFFSET.magic) !== MAGIC) return undefined
  const pageSize = bytes.readUInt32LE(OFFSET.pageSize)
  const powerOfTwo = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
  if (!powerOfTwo) return undefined
  return { pageSize, lastPage: Number(bytes.readBigUInt64LE(OFFSET.lastPage)), transaction: Number(bytes.readBigUInt64LE(OFFSET.transaction)) }
}
