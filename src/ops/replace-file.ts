// Files that are old or new, never half: written beside, synced, renamed over (rename(2)), and the folder synced.

import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Durable when it resolves. Folders on the way are made, for root alone. */
export async function replaceFile(path: string, content: string, options: Readonly<{ mode?: number }> = {}): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${basename(path)}.${process.pid}.new`)
  try {
    await using file = await open(temporary, 'w', options.mode ?? 0o600)
    await file.writeFile(content)
    await file.sync()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await using directory = await open(folder, 'r')
  await directory.sync()
}
