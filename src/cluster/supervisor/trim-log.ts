// Keeps logs from filling the disk. The writer holds its file open for appending, so the file is copied and cut, not renamed.

import { copyFile, rm, stat, truncate } from 'node:fs/promises'

/** We chose it: days of an ordinary cluster, and eleven daemons' worth fits any machine. */
export const MAX_LOG_BYTES = 32 << 20

/**
 * Cuts a log that has grown beyond `maxBytes`; what it held is kept as `<file>.1`, unless the
 * copy fails, as on a full disk. Absent is fine. Answers whether it was cut.
 */
export async function trimLog(file: string, maxBytes: number): Promise<boolean> {
  try {
    if ((await stat(file)).size <= maxBytes) return false
    // Cutting is what makes room on a full disk; half a copy would take it.
    await copyFile(file, `${file}.1`).catch(() => rm(`${file}.1`, { force: true }))
    await truncate(file, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
