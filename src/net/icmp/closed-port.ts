// Asks a host with a UDP datagram to a port that nobody serves: its kernel answers with ICMP "port unreachable", which a
// connected socket reports as ECONNREFUSED (udp(7)). Unlike an echo, a datagram leaves with the checksum that the sending
// device is trusted to fill in.

import { createSocket } from 'node:dgram'
import { formatAddress, type Address } from '../ip/address.ts'

/** Where traceroute's probes begin: a port that is closed by custom (traceroute(8)). */
const TRACEROUTE_PORT = 33_434

/** True when the host answered in time, by refusing or otherwise. Silence proves nothing: firewalls drop. */
export async function answersDatagrams(address: Address, { timeoutMs, signal }: Readonly<{ timeoutMs: number; signal: AbortSignal }>): Promise<boolean> {
  signal.throwIfAborted()
  const socket = createSocket(address.family === 4 ? 'udp4' : 'udp6')
  const answered = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => answered.resolve(false), timeoutMs)
  const abort = (): void => answered.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    socket.on('message', () => answered.resolve(true))
    socket.on('error', error => answered.resolve((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'))
    socket.connect(TRACEROUTE_PORT, formatAddress(address), () => socket.send('weft', error => error !== null && answered.resolve(false)))
    return await answered.promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    socket.close()
  }
}
