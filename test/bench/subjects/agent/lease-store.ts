// An etcd that holds the leases of many hosts that do not exist, and one host that watches them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentLab } from '../../../lab/agent.ts'
import type { Host } from '../../../lab/lab.ts'
import { EtcdCluster, PREFIX } from '../../../kernel/agent/etcd-cluster.ts'
import { findPeer, ROOT } from '../../../peers/cache.ts'

export const FLANNELD = 'flanneld-0.28.4'
export const FLANNELD_NAME = 'flanneld 0.28.4'

/** The launcher, as a unit file would start it: with its cache of compiled code. */
const WEFT = join(ROOT, 'weft')

export type Program = 'weft' | 'flanneld'

/** 10.64.0.0 and on: outside the range from which the watching host leases. */
const keyOf = (index: number): string => `${PREFIX}/subnets/10.${64 + (index >> 8)}.${index & 255}.0-24`
const octet = (value: number): string => value.toString(16).padStart(2, '0')

export const leaseValue = (index: number, generation = 0): string => JSON.stringify({
  PublicIP: `172.31.${index >> 8}.${index & 255}`, PublicIPv6: null, BackendType: 'vxlan',
  BackendData: { VNI: 1, VtepMAC: `0e:00:00:${octet(generation)}:${octet(index >> 8)}:${octet(index & 255)}` },
})

export class LeaseStore implements AsyncDisposable {
  readonly #cluster: EtcdCluster
  readonly leases: number
  #next: number

  private constructor(cluster: EtcdCluster, leases: number) {
    this.#cluster = cluster
    this.leases = leases
    this.#next = leases
  }

  static async open(leases: number): Promise<LeaseStore> {
    const cluster = await EtcdCluster.open({ hosts: 1, netConf: { Network: '10.0.0.0/8', SubnetMin: '10.3.0.0', SubnetMax: '10.3.255.0', Backend: { Type: 'vxlan' } } })
    const store = new LeaseStore(cluster, leases)
    for (let first = 0; first < leases; first += 100) {
      await Promise.all(Array.from({ length: Math.min(100, leases - first) }, (_, i) => store.#put(first + i)))
    }
    return store
  }

  async #put(index: number): Promise<void> {
    await this.#cluster.etcd.client.put(keyOf(index)).value(leaseValue(index))
  }

  get host(): Host {
    return this.#cluster.lab.host(1)
  }

  /** Starts a program on the bare host; the first sample of a start is the time until the last route is in the kernel. */
  async start(program: Program, signal: AbortSignal): Promise<Readonly<{ agent: AgentLab; appliedMs: number }>> {
    await this.host.exec(['sh', '-c', 'ip link del flannel.1 2>/dev/null; true'])
    // Neither program finds its own lease of a former round, or the other's.
    await this.#cluster.etcd.client.delete().prefix(`${PREFIX}/subnets/10.3.`)
    const applied = this.#routesSeen(this.leases, signal)
    const startMs = performance.now()
    const agent = AgentLab.start({ host: this.host, flags: this.#cluster.sharedFlags, program: program === 'flanneld' ? [findPeer(FLANNELD)!] : [WEFT, 'agent'] })
    try {
      const endMs = await applied
      return { agent, appliedMs: endMs - startMs }
    } catch (error) {
      const { tail } = agent
      await agent[Symbol.asyncDispose]()
      throw new Error(`${program} did not apply ${this.leases} leases: ${tail}`, { cause: error })
    }
  }

  /** Milliseconds from the write of one more lease to the kernel's word of its route. */
  async addLease(signal: AbortSignal): Promise<number> {
    const seen = this.#routesSeen(1, signal)
    const startMs = performance.now()
    await this.#put(this.#next++)
    return (await seen) - startMs
  }

  /** Takes what `addLease` added away again. */
  async reset(): Promise<void> {
    while (this.#next > this.leases) await this.#cluster.etcd.client.delete().key(keyOf(--this.#next))
  }

  async #routesSeen(count: number, outer: AbortSignal): Promise<number> {
    const stop = new AbortController()
    const signal = AbortSignal.any([outer, stop.signal, AbortSignal.timeout(120_000)])
    let left = count
    try {
      for await (const event of this.host.rtnl.watch(['ipv4Route'], { signal })) {
        if (event.kind === 'resync') throw new Error('the watch of routes overflowed')
        if (event.kind === 'route' && event.change !== 'removed' && event.value.destination.length === 24 && event.value.destination.network >> 24n === 10n) left -= 1
        if (left === 0) return performance.now()
      }
      throw new Error(`${left} of ${count} routes never came`, { cause: signal.reason })
    } finally {
      stop.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]()
  }
}

/** Milliseconds of processor time that a process and its threads have used (utime and stime of proc_pid_stat(5), at 100 ticks a second). */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
