// flock(2): locks that other programs respect too, released when the descriptor is closed or its process ends.

import koffi from 'koffi'
import { WeftError } from '../../ops/errors.ts'

// Symbols of the running process itself, so that glibc and musl are served alike.
const flock = koffi.load(null).func('int flock(int fd, int operation)')

/** sys/file.h */
const OPERATION = { shared: 1, exclusive: 2 } as const
const LOCK_NB = 4
/** EWOULDBLOCK and EINTR (asm-generic/errno-base.h). */
const BUSY: ReadonlySet<number> = new Set([11, 4])

/** Takes the lock if it is free; answers whether it did. Never waits: this thread has others to serve. */
export function lockFile(fd: number, kind: keyof typeof OPERATION): boolean {
  if (flock(fd, OPERATION[kind] | LOCK_NB) === 0) return true
  const errno = koffi.errno()
  if (BUSY.has(errno)) return false
  throw new WeftError('FILE_LOCK_FAILED', `cannot lock descriptor ${fd}: errno ${errno}`, { fd, errno })
}
