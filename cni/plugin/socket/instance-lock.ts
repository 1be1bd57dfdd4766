// At most one agent serves a socket. A lock, not a probe: it goes away with the process that held it, however that ended.

import { closeSync, fstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { lockFile } from '../../../src/net/libc/file-lock.ts'
import { WeftError } from '../../../src/ops/errors.ts'

/** Takes the lock or throws; disposing it removes the file and lets go. */
export function acquireInstanceLock(path: string): Disposable {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  for (;;) {
    const fd = openSync(path, 'a', 0o600)
    if (!lockFile(fd, 'exclusive')) {
      closeSync(fd)
      throw new WeftError('CNI_SOCKET_BUSY', `another agent holds ${path}: stop it first, or give this one a socket of its own`, { path })
    }
    // The former holder may have removed the file between our open and its release.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
      return {
        [Symbol.dispose]: () => {
          rmSync(path, { force: true })
          closeSync(fd)
        },
      }
    }
    closeSync(fd)
  }
}
