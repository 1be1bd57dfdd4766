// A lock among the processes of this machine, which ends with the process that holds it, however it ends:
// an abstract unix socket (unix(7)), of which one name can be bound once.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Takes the lock, or answers undefined when another process holds it. */
export async function tryLock(name: string): Promise<AsyncDisposable | undefined> {
  const server = createServer(socket => socket.destroy())
  try {
    server.listen(`\0weft/${name}`)
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
