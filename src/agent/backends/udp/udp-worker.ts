// The thread that carries packets between the TUN device and the socket: flannel's format, which is the bare packet, one per
// datagram. It blocks in poll(2) and never sees a promise.

import { readSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { readPacket, sendPacket, waitReadable, writePacket } from '../../../net/tun/packet-io.ts'
import { decrementTtl, destinationOf, icmpError, readIpv4Header, type IcmpKind, type Ipv4Header } from './ipv4-packet.ts'
import { COUNTERS, type CounterName, type UdpRoute, type UdpWorkerMessage, type UdpWorkerStart } from './udp-protocol.ts'

/** Packets taken from one side before the other gets its turn. */
const BURST = 64
const POLL_MS = 1_000
/** Destinations whose host is remembered; leases are few, destinations may be many. */
const CACHE_LIMIT = 65_536

const start = workerData as UdpWorkerStart
const counters = new BigUint64Array(start.counters)
const count = (name: CounterName): void => void Atomics.add(counters, COUNTERS.indexOf(name), 1n)
const packet = Buffer.allocUnsafe(65_536)
let routes: readonly UdpRoute[] = []
let hosts = new Map<number, Buffer | undefined>()

function hostOf(destination: number): Buffer | undefined {
  if (hosts.has(destination)) return hosts.get(destination)
  const route = routes.find(({ network, mask }) => (destination & mask) >>> 0 === network)
  const host = route === undefined ? undefined : Buffer.from(route.host)
  if (hosts.size >= CACHE_LIMIT) hosts = new Map()
  hosts.set(destination, host)
  return host
}

/** Answers false when there was nothing to take. */
function fromTun(): boolean {
  const length = readPacket(start.tunFd, packet)
  if (length === '' || length === 0) return false
  if (typeof length === 'string') {
    // EBADFD: the device was removed while we hold it. The main thread makes another.
    parentPort!.postMessage({ kind: 'tun-broken', errno: length })
    running = false
    return false
  }
  const header = readIpv4Header(packet, length)
  if (header === undefined) {
    // The kernel sends IPv6 router solicitations into every new device.
    if (packet[0]! >> 4 !== 6) count('malformed')
    return true
  }
  const host = hostOf(destinationOf(packet))
  if (host === undefined) answer('net-unreachable', header)
  else if (!decrementTtl(packet)) answer('time-exceeded', header)
  else if (typeof sendPacket(start.socketFd, { bytes: packet, length: header.totalBytes }, host) === 'string') count('failed')
  else count('sent')
  return true
}

function fromSocket(): boolean {
  const length = readPacket(start.socketFd, packet)
  if (length === '') return false
  // An ICMP error about an earlier datagram surfaces here as ECONNREFUSED; it concerns nobody now.
  if (typeof length === 'string') return true
  const header = length > start.mtu ? undefined : readIpv4Header(packet, length)
  if (header === undefined) count('malformed')
  else if (!decrementTtl(packet)) answer('time-exceeded', header)
  else if (typeof writePacket(start.tunFd, packet, header.totalBytes) === 'string') count('failed')
  else count('received')
  return true
}

function answer(kind: IcmpKind, header: Ipv4Header): void {
  count(kind === 'time-exceeded' ? 'expired' : 'noRoute')
  const error = icmpError(packet, header, { kind, source: start.source })
  if (error !== undefined) writePacket(start.tunFd, error, error.length)
}

function takeMessages(): void {
  try {
    readSync(start.wakeFd, Buffer.alloc(8))
  } catch {
    // EAGAIN: nobody rang.
  }
  for (let message = receiveMessageOnPort(parentPort!); message !== undefined; message = receiveMessageOnPort(parentPort!)) {
    const told = message.message as UdpWorkerMessage
    if (told.kind === 'stop') running = false
    else {
      routes = told.routes
      hosts = new Map()
    }
  }
}

let running = true
while (running) {
  waitReadable([start.tunFd, start.socketFd, start.wakeFd], POLL_MS)
  takeMessages()
  for (let i = 0; i < BURST && running && fromTun(); i += 1);
  for (let i = 0; i < BURST && running && fromSocket(); i += 1);
}
parentPort!.close()
