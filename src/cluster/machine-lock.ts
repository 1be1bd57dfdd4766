// A lock among the processes of this machine, which ends with the process that holds it, however it ends:
// an abstract unix socket (unix(7)), of which one name can be bound once.

import { once } from 'node:events'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const socketName = (name: string): string => `weft/${name}`

/** Takes the lock, or answers undefined when another process holds it. */
export async function tryLock(name: string): Promise<AsyncDisposable | undefined> {
  const server = createServer(socket => socket.destroy())
  try {
    server.listen(`\0${socketName(name)}`)
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return { [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())) }
}

/** Waits for the lock; its holders keep it for moments only. */
export async function lock(name: string, options: Readonly<{ signal: AbortSignal }>): Promise<AsyncDisposable> {
  for (;;) {
    const held = await tryLock(name)
    if (held !== undefined) return held
    await delay(20, undefined, options)
  }
}

/** Pid of the process that holds the lock; undefined when none does. */
export async function findLockHolder(name: string): Promise<number | undefined> {
  const line = (await readFile('/proc/net/unix', 'utf8')).split('\n').find(entry => entry.endsWith(` @${socketName(name)}`))
  if (line === undefined) return undefined
  const socket = `socket:[${line.trim().split(/\s+/)[6]}]`
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry))
  const holders = await Promise.all(pids.map(async pid => ((await openFilesOf(pid)).includes(socket) ? Number(pid) : undefined)))
  return holders.find(pid => pid !== undefined)
}

/** What the process's descriptors lead to; nothing for a process that is gone. */
async function openFilesOf(pid: string): Promise<readonly (string | undefined)[]> {
  try {
    const folder = `/proc/${pid}/fd`
    return await Promise.all((await readdir(folder)).map(fd => readlink(`${folder}/${fd}`).catch(() => undefined)))
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
