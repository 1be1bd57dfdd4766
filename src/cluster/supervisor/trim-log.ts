// Keeps logs from filling the disk. The writer holds its file open for appending, so the file is copied and cut, not renamed.

import { copyFile, stat, truncate } from 'node:fs/promises'

/** We chose it: days of an ordinary cluster, and eleven daemons' worth fits any machine. */
export const MAX_LOG_BYTES = 32 << 20

/** Cuts a log that has grown beyond `maxBytes`; what it held is kept as `<file>.1`. Absent is fine. Answers whether it was cut. */
export async function trimLog(file: string, maxBytes: number): Promise<boolean> {
  try {
    if ((await stat(file)).size <= maxBytes) return false
    await copyFile(file, `${file}.1`)
    await truncate(file, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
