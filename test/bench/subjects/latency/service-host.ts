// Two hosts: on one a client pod and the rules of many services, on the other the server that the last of them leads to.

import { systemClock } from '../../../../src/ops/clock.ts'
import { silentLog } from '../../../../src/ops/log.ts'
import { Iptables } from '../../../../src/net/iptables/iptables.ts'
import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { IptablesBackend } from '../../../../src/proxy/iptables-backend/iptables-backend.ts'
import { NftablesBackend } from '../../../../src/proxy/nftables-backend/nftables-backend.ts'
import { ServiceTable } from '../../../../src/proxy/service-table/service-table.ts'
import type { Backend } from '../../../../src/proxy/sync/backend.ts'
import { Tracker } from '../../../../src/proxy/tracker/tracker.ts'
import { openLab, type Lab } from '../../../lab/lab.ts'
import { clusterIp, serviceOf, sliceOf } from '../proxy/cluster.ts'
import { handshakeMicroseconds, Listener } from './handshake.ts'

export type Plane = 'iptables-nft' | 'iptables-legacy' | 'nftables'

type Call = Readonly<{ signal: AbortSignal }>

const PORT = 8080

export class ServiceHost implements AsyncDisposable {
  readonly services: number
  readonly #client: string
  readonly #server: string
  readonly #listener: Listener
  readonly #held: AsyncDisposableStack

  private constructor(parts: Readonly<{ services: number; client: string; server: string; listener: Listener; held: AsyncDisposableStack }>) {
    this.services = parts.services
    this.#client = parts.client
    this.#server = parts.server
    this.#listener = parts.listener
    this.#held = parts.held
  }

  static async open(plane: Plane, services: number, call: Call): Promise<ServiceHost> {
    await using held = new AsyncDisposableStack()
    const lab = held.use(await openLab({ hosts: 2, podRoutes: true }))
    const [client, server] = [await lab.host(1).addPod({ name: 'client' }), await lab.host(2).addPod({ name: 'server' })]
    const listener = held.use(new Listener(server.netns, PORT))
    const backend = held.use(await openBackend(plane, lab, call))
    const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
    for (let n = 1; n <= services; n += 1) {
      tracker.applyService(serviceOf(n))
      const slice = sliceOf(n, 1)
      tracker.applySlice(n === services ? { ...slice, endpoints: [{ ...slice.endpoints[0]!, addresses: [server.address] }] } : slice)
    }
    const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] })
    await backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full: true }, call)
    return new ServiceHost({ services, client: client.netns, server: server.address, listener, held: held.move() })
  }

  /** A new connection to the last service. */
  toService(): number {
    return handshakeMicroseconds(this.#client, clusterIp(this.services), 80, this.#listener)
  }

  /** A new connection to the same server by its own address: the rules look at it and let it pass. */
  toNoService(): number {
    return handshakeMicroseconds(this.#client, this.#server, PORT, this.#listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

/** A backend in the namespace of the lab's first host. */
export async function openBackend(plane: Plane, lab: Lab, call: Call): Promise<Backend> {
  const { netns } = lab.host(1)
  const rules = { family: 4, masqueradeMark: 0x4000, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.244.0.0/16', 'pods') } } as const
  const nodePortAddresses = async () => ({ kind: 'all', loopback: false }) as const
  if (plane === 'nftables') {
    return NftablesBackend.open({ ruleset: rules, nodePortAddresses, serviceCidrs: () => [parsePrefix('10.96.0.0/12', 'services')], netns, log: silentLog() }, call)
  }
  const iptables = await Iptables.open({ family: 4, variant: plane === 'iptables-nft' ? 'nft' : 'legacy', netns, ...call })
  return IptablesBackend.open({
    iptables, ruleset: { ...rules, guardLoopback: false, dropInvalid: true, randomFully: iptables.canRandomFully, counters: false },
    nodePortAddresses, clock: systemClock, log: silentLog(),
  }, call)
}
