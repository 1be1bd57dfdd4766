// The output of a container as it lies in its folder, from the end backwards by lines, then on as it grows.

import { open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../ops/clock.ts'
import { namesIn } from '../process-runtime/pod-folders.ts'

export type LogQuery = Readonly<{
  /** Undefined: from the beginning. */
  tailLines: number | undefined
  limitBytes: number | undefined
  follow: boolean
}>

const CHUNK_BYTES = 64 * 1024
/** How often a log that is followed is looked at. */
const POLL_MS = 200

/** The folder of a container's newest run, or of the one before it; undefined when there is none. */
export async function runFolder(containersFolder: string, container: string, previous: boolean): Promise<string | undefined> {
  const attempts = (await namesIn(containersFolder)).flatMap(id => {
    const dot = id.lastIndexOf('.')
    return id.slice(0, dot) === container ? [Number(id.slice(dot + 1))] : []
  }).sort((a, b) => b - a)
  const attempt = attempts[previous ? 1 : 0]
  return attempt === undefined ? undefined : join(containersFolder, `${container}.${attempt}`)
}

/** Pieces of the log. A follower gets what is added until the run has ended, or `signal` aborts. */
export async function* readLog(folder: string, { tailLines, limitBytes = Infinity, follow }: LogQuery, { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>): AsyncGenerator<Buffer> {
  await using file = await open(join(folder, 'log'))
  let at = tailLines === undefined ? 0 : await startOfTail(file, tailLines)
  let left = limitBytes
  while (left > 0 && !signal.aborted) {
    // Asked before the read: what was written before the end is then read in any case.
    const ended = !follow || await exists(join(folder, 'exit'))
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left)), 0, Math.min(CHUNK_BYTES, left), at)
    if (bytesRead > 0) {
      at += bytesRead
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    } else if (ended) {
      return
    } else {
      await clock.sleep(POLL_MS, { signal }).catch(() => undefined)
    }
  }
}

/** Where the last `lines` lines begin. A line end at the very end belongs to the last line. */
async function startOfTail(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat()
  if (lines === 0) return size
  let wanted = lines
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES)
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
    for (let i = buffer.length - 1; i >= 0; i -= 1) {
      if (buffer[i] !== 0x0a || start + i === size - 1) continue
      wanted -= 1
      if (wanted === 0) return start + i + 1
    }
    end = start
  }
  return 0
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
