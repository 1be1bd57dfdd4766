// The few libc calls that Node lacks, each throwing a LibcError that names call and errno.
// Numbers are those of asm-generic headers (x86-64 and arm64 agree on all of them).

import koffi from 'koffi'
import { WeftError } from '../../ops/errors.ts'
import { errnoName } from './errno.ts'

/** linux/sched.h */
export const CLONE_NEWNET = 0x4000_0000
/** linux/mount.h */
export const MS_REC = 0x4000
export const MS_BIND = 0x1000
export const MS_SHARED = 1 << 20
/** sys/file.h */
const LOCK_EX = 2
/** sys/mount.h */
export const MNT_DETACH = 2

/** bits/socket_type.h */
export const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000

/** A libc call that failed: `errnoName` is the errno(3) name. */
export class LibcError extends WeftError {
  readonly errno: number
  readonly errnoName: string

  constructor(call: string, errno: number, subject: Readonly<Record<string, unknown>>) {
    const name = errnoName(errno)
    super('LIBC_CALL_FAILED', `${call} failed: ${name} (${JSON.stringify(subject)})`, { call, ...subject }, { retryable: name === 'EINTR' || name === 'EAGAIN' })
    this.errno = errno
    this.errnoName = name
  }
}

// Symbols of the running process itself, so that glibc and musl are served alike.
const libc = koffi.load(null)
const native = {
  socket: libc.func('int socket(int family, int type, int protocol)'),
  setns: libc.func('int setns(int fd, int type)'),
  unshare: libc.func('int unshare(int flags)'),
  mount: libc.func('int mount(str source, str target, str type, unsigned long flags, void *data)'),
  umount2: libc.func('int umount2(str target, int flags)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, uint8_t *value, uint32_t length)'),
  getsockopt: libc.func('int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)'),
  getsockname: libc.func('int getsockname(int fd, uint8_t *address, uint8_t *length)'),
  flock: libc.func('int flock(int fd, int operation)'),
  ioctl: libc.func('int ioctl(int fd, unsigned long request, uint8_t *argument)'),
} as const

/** Of glibc only: musl gives pages back by itself. */
const mallocTrim = ((): ((pad: number) => number) | undefined => {
  try {
    return libc.func('int malloc_trim(size_t pad)')
  } catch {
    return undefined
  }
})()

function checked(call: string, result: number, subject: Readonly<Record<string, unknown>>): void {
  if (result === -1) throw new LibcError(call, koffi.errno(), subject)
}

/** Moves the calling thread into the namespace behind `fd`. Use `inNetns`, never this alone. */
export const setns = (fd: number, type: number): void => checked('setns', native.setns(fd, type), { fd })

/** Gives the calling thread new namespaces. */
export const unshare = (flags: number): void => checked('unshare', native.unshare(flags), { flags })

/** mount(2) without file-system data. */
export const mount = (source: string, target: string, flags: number): void =>
  checked('mount', native.mount(source, target, 'none', flags, null), { source, target, flags })

/** flock(2), waiting for other holders; closing `fd` releases it. */
export const lockFile = (fd: number): void => checked('flock', native.flock(fd, LOCK_EX), { fd })

export const umount = (target: string, flags: number): void => checked('umount2', native.umount2(target, flags), { target })

/** Sets a socket option whose value is an int. */
export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  checked('setsockopt', native.setsockopt(fd, level, name, bytes, 4), { fd, level, name, value })
}

/** Opens a socket and answers its descriptor, closed on exec. Close it with `closeSync`. */
export function openSocket(family: number, type: number, protocol: number): number {
  const fd = native.socket(family, type | SOCK_CLOEXEC, protocol) as number
  checked('socket', fd, { family, type, protocol })
  return fd
}

/** Reads a socket option that the kernel fills in place: `value` also carries the question. Answers the bytes filled. */
export function exchangeSocketOption(fd: number, level: number, name: number, value: Buffer): number {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(value.length)
  checked('getsockopt', native.getsockopt(fd, level, name, value, length), { fd, level, name })
  return length.readUInt32LE()
}

/** Reads a socket option of up to `bytes` bytes. */
export function getSocketOption(fd: number, level: number, name: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes)
  checked('getsockopt', native.getsockopt(fd, level, name, value, length), { fd, level, name })
  return value.subarray(0, length.readUInt32LE())
}

/** The raw sockaddr a socket is bound to, or undefined when `fd` is no socket. */
export function socketName(fd: number): Buffer | undefined {
  const bytes = Buffer.alloc(128)
  const length = Buffer.from([128, 0, 0, 0])
  return native.getsockname(fd, bytes, length) === -1 ? undefined : bytes.subarray(0, length.readUInt32LE())
}

/** ioctl(2) with a buffer that the kernel reads and writes in place. */
export const ioctl = (fd: number, request: number, argument: Buffer): void => checked('ioctl', native.ioctl(fd, request, argument), { fd, request })

/** Gives the free pages of malloc's heap back to the system, those between used ones too (malloc_trim(3)). */
export const trimHeap = (): void => void mallocTrim?.(0)
