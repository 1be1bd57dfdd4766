// One process per store: two that write would hand out the same revisions. The lock is a file that names its holder
// by process id and start time (proc(5), /proc/‹pid›/stat field 22), so that a dead one's is recognised and taken over.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../store.ts'

const LOCK = 'owner'

/** Takes the lock. Throws StoreError while another process that runs holds it. */
export function lockDirectory(directory: string): Disposable {
  const path = join(directory, LOCK)
  const mine = `${process.pid} ${startTime(process.pid)}`
  const draft = join(directory, `${LOCK}.${process.pid}.${Math.random().toString(36).slice(2)}`)
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (;;) {
      try {
        linkSync(draft, path)
        return { [Symbol.dispose]: () => { if (read(path) === mine) rmSync(path, { force: true }) } }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = read(path)
      const [pid = 0, started = ''] = (holder ?? '').split(' ').map((part, i) => (i === 0 ? Number(part) : part)) as [number?, string?]
      if (holder !== undefined && pid > 0 && startTime(pid) === started) {
        throw new StoreError('STORE_IN_USE', `${directory}: process ${pid} works on this store: stop it, or name another --data-dir`, { directory, pid })
      }
      // Whoever renames it first clears it away; the others find it gone.
      try {
        renameSync(path, `${draft}.stale`)
        rmSync(`${draft}.stale`, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Clock ticks after boot at which a process began; '' when there is none. */
function startTime(pid: number): string {
  const stat = read(`/proc/${pid}/stat`)
  // The program's name stands in parentheses and may contain blanks.
  return stat === undefined ? '' : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
