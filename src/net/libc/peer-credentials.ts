// Who is at the other end of a unix socket, as the kernel saw it connect (SO_PEERCRED, unix(7)).

import koffi from 'koffi'
import { WeftError } from '../../ops/errors.ts'

const getsockopt = koffi.load(null).func('int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)')

/** asm-generic/socket.h */
const SOL_SOCKET = 1
const SO_PEERCRED = 17

export type PeerCredentials = Readonly<{ pid: number; uid: number; gid: number }>

/** struct ucred { pid_t pid; uid_t uid; gid_t gid }, ids as this process's user namespace sees them. */
export function peerCredentials(fd: number): PeerCredentials {
  const value = Buffer.alloc(12)
  const length = Buffer.from([value.length, 0, 0, 0])
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0) {
    throw new WeftError('PEER_CREDENTIALS_FAILED', `cannot tell who is at the other end of descriptor ${fd}: errno ${koffi.errno()}`, { fd })
  }
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) }
}
