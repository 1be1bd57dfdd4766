// Follows a file that others append to, line by line, woken by inotify.

import { open, watch } from 'node:fs/promises'

/**
 * Yields the lines after byte `from`, then each new one, until `signal` aborts; then those still unread, and returns.
 *
 * The file must exist. A file that became shorter is read again from its start (logs are cut when they grow too long).
 */
export async function* followLines(path: string, options: Readonly<{ from: number; signal: AbortSignal }>): AsyncGenerator<string> {
  const { signal } = options
  await using file = await open(path, 'r')
  let position = options.from
  let rest = Buffer.alloc(0)
  const buffer = Buffer.alloc(65_536)
  const readNew = async function* (): AsyncGenerator<string> {
    if ((await file.stat()).size < position) position = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
        yield rest.subarray(0, end).toString()
        rest = rest.subarray(end + 1)
      }
    }
  }
  const changes = watch(path, { signal })[Symbol.asyncIterator]()
  try {
    for (;;) {
      // Asked for before reading, so that a write in between is not missed.
      const change = changes.next()
      // Rejects while nobody awaits it yet when the abort comes during the reading.
      change.catch(() => undefined)
      yield* readNew()
      await change
    }
  } catch (error) {
    if (!signal.aborted) throw error
    yield* readNew()
  } finally {
    await changes.return?.()
  }
}
