// The udp backend's moving part: device, socket and the thread between them, made again when one of them breaks or the
// host's address changes.

import { closeSync, writeSync } from 'node:fs'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ADDRESS_BITS, sameAddress, type Address } from '../../../net/ip/address.ts'
import { networkAddress, type Prefix } from '../../../net/ip/prefix.ts'
import { ipv4Name, openUdpSocket, openWakeFd } from '../../../net/tun/packet-io.ts'
import { openTun } from '../../../net/tun/tun-device.ts'
import type { Logger } from '../../../ops/log.ts'
import { workerProgram } from '../../../ops/project.ts'
import type { Lease } from '../../leases/lease.ts'
import type { Underlay } from '../../underlay/underlay.ts'
import type { Carrier } from '../carrier.ts'
import { udpMtu } from './plan.ts'
import { COUNTERS, type CounterName, type UdpRoute, type UdpWorkerStart } from './udp-protocol.ts'

export type UdpTunnelOptions = Readonly<{
  port: number
  subnet: Prefix
  log: Logger
  /** Told when the device is another one than before. */
  onChange: () => void
}>

type Running = Readonly<{ name: string; address: Address; mtu: number; worker: Worker; wakeFd: number; close: () => Promise<void> }>

export class UdpTunnel implements Carrier {
  readonly #options: UdpTunnelOptions
  readonly #counters = new SharedArrayBuffer(COUNTERS.length * 8)
  #running: Running | undefined
  #routes: readonly UdpRoute[] = []

  constructor(options: UdpTunnelOptions) {
    this.#options = options
  }

  /** The device's name; undefined while there is none. */
  get linkName(): string | undefined {
    return this.#running?.name
  }

  counter(name: CounterName): number {
    return Number(Atomics.load(new BigUint64Array(this.#counters), COUNTERS.indexOf(name)))
  }

  /** Makes device, socket and thread for this underlay if they are not there, and tells the thread the peers. */
  async ensure(underlay: Underlay, peers: readonly Lease[]): Promise<void> {
    const address = underlay.addresses[4]!
    const mtu = udpMtu(underlay.mtu)
    if (this.#running !== undefined && (!sameAddress(this.#running.address, address) || this.#running.mtu !== mtu)) await this.#stop()
    const routes = peers.flatMap(peer => this.#routeOf(peer))
    const fresh = this.#running === undefined
    if (fresh) this.#start(address, mtu)
    if (!fresh && JSON.stringify(routes) === JSON.stringify(this.#routes)) return
    this.#routes = routes
    this.#tell()
  }

  #routeOf(peer: Lease): readonly UdpRoute[] {
    const [subnet, host] = [peer.subnets[4], peer.attributes.publicIps[4]]
    if (subnet === undefined || host === undefined) return []
    const mask = subnet.length === 0 ? 0 : (~0 << (ADDRESS_BITS[4] - subnet.length)) >>> 0
    return [{ network: Number(subnet.network), mask, host: ipv4Name(host, this.#options.port) }]
  }

  #start(address: Address, mtu: number): void {
    const { port, subnet, log, onChange } = this.#options
    const open: number[] = []
    try {
      const tun = openTun('flannel%d')
      open.push(tun.fd)
      const socketFd = openUdpSocket(address, port)
      open.push(socketFd)
      const wakeFd = openWakeFd()
      open.push(wakeFd)
      const start: UdpWorkerStart = { tunFd: tun.fd, socketFd, wakeFd, mtu, source: Number(networkAddress(subnet).bits), counters: this.#counters }
      const worker = new Worker(workerProgram('agent/backends/udp/udp-worker.ts'), { workerData: start })
      const ended = once(worker, 'exit')
      const close = async (): Promise<void> => {
        worker.postMessage({ kind: 'stop' })
        ring(wakeFd)
        await ended
        for (const fd of open) closeSync(fd)
      }
      this.#running = { name: tun.name, address, mtu, worker, wakeFd, close }
      worker.on('error', err => log.error({ err }, 'the thread that carries packets failed'))
      worker.on('message', message => log.warn({ link: tun.name, reason: (message as { errno: string }).errno }, 'the TUN device was removed'))
      worker.on('exit', () => {
        if (this.#running?.worker !== worker) return
        this.#running = undefined
        for (const fd of open) closeSync(fd)
        onChange()
      })
      log.info({ link: tun.name, port }, 'carrying pod packets in datagrams')
    } catch (error) {
      for (const fd of open) closeSync(fd)
      throw error
    }
  }

  #tell(): void {
    if (this.#running === undefined) return
    this.#running.worker.postMessage({ kind: 'routes', routes: this.#routes })
    ring(this.#running.wakeFd)
  }

  async #stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

/** eventfd(2) adds the eight bytes written to its counter. */
const ring = (fd: number): void => void writeSync(fd, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]))
