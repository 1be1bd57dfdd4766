// Replaces a file in one step, from a dot-file in the same folder: a runtime sees the old content or the new one, and its
// watcher sees a rename within the folder (containerd ignores a file that is only created, or renamed in from elsewhere).

import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Writes unless the content is there already; answers whether it wrote. */
export function replaceFile(path: string, content: Uint8Array, mode: number): boolean {
  if (contentOf(path)?.equals(content) === true) return false
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.new`)
  try {
    const fd = openSync(temporary, 'w', mode)
    try {
      writeFileSync(fd, content)
      fchmodSync(fd, mode)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  return true
}

/** Undefined when there is no such file. */
export function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
