// An append-only file of checksummed lines. A line that was acknowledged survives the process; on a disk it survives the
// machine too. State is boot-scoped (no namespace outlives a reboot), so the first line names the boot it belongs to.

import { closeSync, fdatasync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, statfsSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { CniError } from '../cni-error.ts'

const FORMAT = 'weft-cni-journal 1'
/** linux/magic.h: file systems in memory, where a completed write survives all that the content itself survives. */
const TMPFS_MAGIC = 0x0102_1994
const RAMFS_MAGIC = 0x8584_58f6
const fdatasyncAsync = promisify(fdatasync)

export type JournalContent = Readonly<{
  entries: readonly unknown[]
  /** Lines that did not survive: torn, flipped, or of a format to come. */
  damaged: number
}>

/** Reads the lines of `path` that belong to this boot. Never throws for content, only when the file cannot be read. */
export function readJournal(path: string, bootId: string): JournalContent {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { entries: [], damaged: 0 }
    throw error
  }
  const [head, ...lines] = text.split('\n')
  const [format, boot] = [head!.slice(0, FORMAT.length), head!.slice(FORMAT.length + 1)]
  if (format !== FORMAT) return { entries: [], damaged: lines.length + 1 }
  if (boot !== bootId) return { entries: [], damaged: 0 }
  const kept = lines.filter(line => line !== '')
  const entries = kept.flatMap(line => parseLine(line) ?? [])
  return { entries, damaged: kept.length - entries.length }
}

function parseLine(line: string): unknown {
  const json = line.slice(9)
  if (line[8] !== ' ' || checksum(json) !== line.slice(0, 8)) return undefined
  return JSON.parse(json)
}

const checksum = (json: string): string => crc32(json).toString(16).padStart(8, '0')
const formatLine = (entry: unknown): string => {
  const json = JSON.stringify(entry)
  return `${checksum(json)} ${json}\n`
}

export class Journal {
  readonly #path: string
  readonly #bootId: string
  readonly #inMemory: boolean
  #fd: number
  #length: number
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  private constructor(path: string, bootId: string, opened: Readonly<{ fd: number; length: number; inMemory: boolean }>) {
    this.#path = path
    this.#bootId = bootId
    this.#fd = opened.fd
    this.#length = opened.length
    this.#inMemory = opened.inMemory
  }

  /** Opens the journal with exactly `entries` in it, replacing what was there in one step. */
  static open(path: string, bootId: string, entries: readonly unknown[]): Journal {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const type = statfsSync(dirname(path)).type
    return new Journal(path, bootId, { ...replace(path, bootId, entries), inMemory: type === TMPFS_MAGIC || type === RAMFS_MAGIC })
  }

  get bytes(): number {
    return this.#length
  }

  /** Adds lines; they are durable when this resolves. A full or read-only disk rejects with 11 and leaves the file as it was. */
  async append(entries: readonly unknown[]): Promise<void> {
    const bytes = Buffer.from(entries.map(formatLine).join(''))
    try {
      let written = 0
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#length + written)
    } catch (cause) {
      this.#dropTail()
      throw storeFailure(cause)
    }
    this.#length += bytes.length
    if (!this.#inMemory) await this.#sync()
  }

  /** Rewrites the file with `entries` only; puts it off while the former file is being synchronised. */
  compact(entries: readonly unknown[]): void {
    if (this.#running !== undefined) return
    try {
      const opened = replace(this.#path, this.#bootId, entries)
      closeSync(this.#fd)
      this.#fd = opened.fd
      this.#length = opened.length
    } catch (cause) {
      throw storeFailure(cause)
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** One fdatasync serves all who wrote before it began; who comes during one waits for the next. */
  #sync(): Promise<void> {
    if (this.#running === undefined) return this.#startSync()
    this.#next ??= this.#running.catch(() => undefined).then(() => {
      this.#next = undefined
      return this.#startSync()
    })
    return this.#next
  }

  #startSync(): Promise<void> {
    const sync = fdatasyncAsync(this.#fd)
      .catch((cause: unknown) => {
        throw storeFailure(cause)
      })
      .finally(() => {
        if (this.#running === sync) this.#running = undefined
      })
    this.#running = sync
    return sync
  }

  #dropTail(): void {
    try {
      ftruncateSync(this.#fd, this.#length)
    } catch {
      // The torn tail fails its checksum when it is read, and the next write begins at the same place.
    }
  }
}

function replace(path: string, bootId: string, entries: readonly unknown[]): { fd: number; length: number } {
  const text = Buffer.from(`${FORMAT} ${bootId}\n${entries.map(formatLine).join('')}`)
  const temporary = `${path}.new`
  const fd = openSync(temporary, 'w+', 0o600)
  try {
    writeSync(fd, text, 0, text.length, 0)
    fsyncSync(fd)
    renameSync(temporary, path)
    const folder = openSync(join(dirname(path), '.'), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { fd, length: text.length }
}

const storeFailure = (cause: unknown): CniError =>
  new CniError('CNI_TRY_AGAIN_LATER', `the attachment store cannot be written: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, undefined, { cause })
