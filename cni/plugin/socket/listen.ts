// The unix socket of the shim: root-only folder and socket, put in place by a rename, so that it accepts from the moment
// its name exists.

import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { InputError } from '../../../src/ops/errors.ts'

/** Connections the kernel queues while this thread is busy; net.core.somaxconn (4096 by default) caps it. */
const BACKLOG = 4096
/** sizeof(sun_path) less the terminating zero (unix(7)). */
const SOCKET_PATH_LIMIT_BYTES = 107

/** Listens at `path`, replacing what a killed predecessor left there. Closing stops accepting; running requests finish. */
export async function listenAt(path: string, onConnection: (socket: Socket) => void): Promise<AsyncDisposable> {
  const folder = dirname(path)
  const temporary = join(folder, `.${process.pid}.sock`)
  if (Buffer.byteLength(temporary) > SOCKET_PATH_LIMIT_BYTES || Buffer.byteLength(path) > SOCKET_PATH_LIMIT_BYTES) {
    throw new InputError('cni-socket', path, `is longer than ${SOCKET_PATH_LIMIT_BYTES} bytes`)
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  rmSync(temporary, { force: true })
  const server = createServer(onConnection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: temporary, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path)
  const { ino } = statSync(path)
  return { [Symbol.asyncDispose]: () => close(server, path, ino) }
}

async function close(server: Server, path: string, ino: number): Promise<void> {
  // A successor may have put its own socket there already.
  if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true })
  await new Promise<void>(resolve => server.close(() => resolve()))
}
