// Run with mounts of its own: a store on a disk of a few megabytes, filled and freed under it. Prints what became of each write.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/ops/clock.ts'
import { LmdbStore } from '../../../src/store/lmdb/lmdb-store.ts'
import { prefixEnd } from '../../../src/store/store.ts'

const { signal } = new AbortController()
/** lmdb-js rejects a promise that it hands to nobody as well; the API server notes such and goes on (src/commands/apiserver.ts). */
const unnoticed: string[] = []
process.on('unhandledRejection', error => unnoticed.push((error as Error).message))
const [folder] = process.argv.slice(2) as [string]
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'weft-test', folder])
const filler = join(folder, 'filler')
const directory = join(folder, 'store')
mkdirSync(directory)

function fill(): void {
  const file = openSync(filler, 'w')
  const block = Buffer.alloc(65_536)
  try {
    for (let length = block.length; length >= 1;) {
      try {
        writeSync(file, block, 0, length)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        length = Math.floor(length / 2)
      }
    }
  } finally {
    closeSync(file)
  }
}

const acknowledged: string[] = []
const refused: string[] = []
const revisions: number[] = []
{
  await using store = await LmdbStore.open({ directory, clock: systemClock })
  const put = async (name: string): Promise<void> => {
    try {
      const result = await store.commit({ compares: [], changes: [{ kind: 'put', key: `/${name}`, value: Buffer.alloc(4_000, name) }] }, { signal })
      acknowledged.push(name)
      if (result.ok) revisions.push(result.revision)
    } catch (error) {
      refused.push(`${name} ${(error as { code?: string }).code}`)
    }
  }
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 5; n += 1) await put(`before-${round}-${n}`)
    fill()
    await Promise.all(Array.from({ length: 20 }, (_, n) => put(`full-${round}-${n}`)))
    rmSync(filler)
    for (let n = 0; n < 5; n += 1) await put(`after-${round}-${n}`)
  }
  const { entries } = await store.range({ start: '/', end: prefixEnd('/') })
  process.stdout.write(`${JSON.stringify({ phase: 'open', acknowledged, refused, revisions, held: entries.map(({ key }) => key.slice(1)), revision: await store.revision(), unnoticed })}\n`)
}
await using again = await LmdbStore.open({ directory, clock: systemClock })
const { entries } = await again.range({ start: '/', end: prefixEnd('/') })
process.stdout.write(`${JSON.stringify({ phase: 'again', held: entries.map(({ key }) => key.slice(1)), revision: await again.revision() })}\n`)
