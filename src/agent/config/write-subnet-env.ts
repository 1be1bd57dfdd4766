// Puts subnet.env in place so that a reader sees the old file or the new one, never a part.

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Answers whether the file had to be written: an identical one keeps its time stamp. */
export async function writeSubnetEnv(path: string, text: string): Promise<boolean> {
  if ((await readSubnetEnv(path)) === text) return false
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const temporary = join(folder, `.${basename(path)}.${process.pid}`)
  try {
    await using file = await open(temporary, 'w', 0o644)
    await file.writeFile(text)
    // Readers run as other users; the umask of a service manager must not lock them out.
    await file.chmod(0o644)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await rename(temporary, path)
  return true
}

/** The file's text; undefined when there is none. */
export async function readSubnetEnv(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
