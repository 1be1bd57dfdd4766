// sd_notify(3): datagrams of "NAME=value" lines to the socket that systemd names in $NOTIFY_SOCKET. Node has no unix datagrams.

import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { LibcError, openSocket } from '../libc/libc.ts'

const sendto = koffi.load(null).func('intptr_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t addressLength)')

/** sys/socket.h */
const AF_UNIX = 1
const SOCK_DGRAM = 2
const MSG_NOSIGNAL = 0x4000

/** Sends one state ("READY=1"). `path` begins with "@" for a name that is not in the file system. Throws LIBC_CALL_FAILED. */
export function notifySystemd(path: string, state: string): void {
  const name = Buffer.from(path, 'utf8')
  // struct sockaddr_un { u16 family; char path[108] }; an abstract name begins with a zero byte (unix(7)).
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name])
  if (path.startsWith('@')) address[2] = 0
  const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0)
  try {
    const message = Buffer.from(state, 'utf8')
    if (Number(sendto(fd, message, message.length, MSG_NOSIGNAL, address, address.length)) === -1) throw new LibcError('sendto', koffi.errno(), { path })
  } finally {
    closeSync(fd)
  }
}
