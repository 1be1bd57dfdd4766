// Files that are old or new, never half: written beside, synced, renamed over (rename(2)), and the folder synced.

import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Durable when it resolves. Folders on the way are made, for root alone unless `folderMode` says otherwise. */
export async function replaceFile(path: string, content: string | Uint8Array, options: Readonly<{ mode?: number; folderMode?: number }> = {}): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: options.folderMode ?? 0o700 })
  const temporary = temporaryOf(path)
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

/** Removes such a file, and what a killed writer left beside it. Absent is success. */
export async function removeFile(path: string): Promise<void> {
  for (const each of [path, temporaryOf(path)]) await rm(each, { force: true })
}

/** The same for every writer, so that a killed one's is overwritten or found: a path has one writer. */
const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.new`)
