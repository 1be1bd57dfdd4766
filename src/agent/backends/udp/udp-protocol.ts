// What the main thread and the carrying thread tell each other.

export type UdpRoute = Readonly<{
  /** First address and mask of the peer's subnet, as numbers. */
  network: number
  mask: number
  /** struct sockaddr_in of the peer's host. */
  host: Uint8Array
}>

export type UdpWorkerStart = Readonly<{
  tunFd: number
  socketFd: number
  /** Readable when there is a message or the thread is to end. */
  wakeFd: number
  mtu: number
  /** Source of ICMP errors: the subnet's base address. */
  source: number
  counters: SharedArrayBuffer
}>

export type UdpWorkerMessage = Readonly<{ kind: 'routes'; routes: readonly UdpRoute[] }> | Readonly<{ kind: 'stop' }>

/** Places in the shared counters. */
export const COUNTERS = ['sent', 'received', 'noRoute', 'expired', 'malformed', 'failed'] as const
export type CounterName = (typeof COUNTERS)[number]
