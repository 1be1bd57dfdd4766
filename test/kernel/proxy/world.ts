// A running proxy in the catalogue's fixture, with the questions that scenarios ask of packets.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { Conntrack } from '../../../src/net/conntrack/conntrack.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { openLog } from '../../../src/ops/log.ts'
import { Registry } from '../../../src/ops/metrics.ts'
import { StaleFlowCleaner } from '../../../src/proxy/conntrack/stale-flow-cleaner.ts'
import { ProxyHealth } from '../../../src/proxy/health/proxy-health.ts'
import type { LocalDetector } from '../../../src/proxy/local-traffic.ts'
import { hostAddresses } from '../../../src/proxy/node/host-addresses.ts'
import type { Backend } from '../../../src/proxy/sync/backend.ts'
import { FamilyProxier } from '../../../src/proxy/sync/family-proxier.ts'
import { openIptablesMetrics, openProxyMetrics } from '../../../src/proxy/sync/proxy-metrics.ts'
import type { NodePortSelection } from '../../../src/proxy/config/proxy-config.ts'
import type { Reply } from '../../lab/reply.ts'
import { addressIn, prefixIn, type AddressName, type Family, type HostName, type PrefixName, type Topology } from './topology.ts'

export type BackendName = 'iptables-nft' | 'iptables-legacy' | 'nftables'

/** What a scenario may set besides objects. */
export type Settings = Readonly<{
  detector?: LocalDetector
  masqueradeAll?: boolean
  nodePortAddresses?: NodePortSelection
  localhostNodePorts?: boolean
  allowExternalIps?: boolean
  zone?: string
  tcpLiberal?: boolean
}>

export type BackendContext = Readonly<{ topology: Topology; family: Family; detector: LocalDetector; settings: Settings; lockFile: string; signal: AbortSignal }>
/** Opens a backend in node-1's namespace and says how to remove all that it made. */
export type BackendOpener = (context: BackendContext) => Promise<Readonly<{ backend: Backend; cleanup: () => Promise<unknown> }>>

export type Outcome = 'refused' | 'dropped'

const NODE = 'node-1'
const DROP_TIMEOUT_MS = 700

export class World implements AsyncDisposable {
  readonly family: Family
  readonly backendName: BackendName
  readonly topology: Topology
  readonly #proxier: FamilyProxier
  readonly #held: AsyncDisposableStack
  #zone: string | undefined

  private constructor(parts: Readonly<{ family: Family; backendName: BackendName; topology: Topology; proxier: FamilyProxier; zone: string | undefined; held: AsyncDisposableStack }>) {
    this.family = parts.family
    this.backendName = parts.backendName
    this.topology = parts.topology
    this.#proxier = parts.proxier
    this.#zone = parts.zone
    this.#held = parts.held
  }

  static async open(options: Readonly<{ topology: Topology; family: Family; backendName: BackendName; opener: BackendOpener; settings?: Settings }>): Promise<World> {
    const { topology, family, backendName, opener, settings = {} } = options
    await using held = new AsyncDisposableStack()
    const stop = new AbortController()
    const folder = mkdtempSync(join(tmpdir(), 'weft-scenario-'))
    held.defer(() => rmSync(folder, { recursive: true }))
    const detector = settings.detector ?? { kind: 'source', prefix: parsePrefix(prefixIn(family, 'pods'), 'pods') }
    const host = topology.host('node-1')
    const { backend, cleanup } = await opener({ topology, family, detector, settings, lockFile: join(folder, 'lock'), signal: stop.signal })
    held.defer(async () => void (await cleanup()))
    const flows = held.use(Conntrack.open({ netns: host.netns }))
    const log = openLog({ level: 'fatal' })
    const registry = new Registry()
    const zone = 'zone' in settings ? settings.zone : 'zone-a'
    const proxier = new FamilyProxier({
      tracker: { family, nodeName: NODE, allowExternalIps: settings.allowExternalIps ?? true, startedAtMs: 0 },
      node: { nodeName: NODE, zone, nodeIps: [parseAddress(addressIn(family, 'node-1'), 'node-1')] },
      backend,
      cleaner: new StaleFlowCleaner({ family, flows, nodeAddresses: call => hostAddresses(host.rtnl, family, call), clock: systemClock, log }),
      health: new ProxyHealth({ families: [family], timeoutMs: 60_000, clock: systemClock }),
      healthChecks: undefined,
      metrics: openProxyMetrics(registry), iptablesMetrics: openIptablesMetrics(registry),
      minSyncMs: 0, syncPeriodMs: 30_000, clock: systemClock, log,
    })
    const running = proxier.run({ signal: stop.signal })
    held.defer(async () => {
      stop.abort()
      await running
    })
    await proxier.settled()
    // Entries of earlier scenarios would decide over connections that happen to reuse a source port.
    for (const name of ['node-1', 'node-2'] as const) await topology.host(name).exec(['conntrack', '-F'])
    return new World({ family, backendName, topology, proxier, zone, held: held.move() })
  }

  /** Brings objects into force: Services and slices as they are now. */
  async apply(...objects: readonly (Service | EndpointSlice)[]): Promise<void> {
    this.#proxier.tell(tracker => {
      for (const object of objects) {
        if ('addressType' in object) tracker.applySlice(object)
        else tracker.applyService(object as Service)
      }
    })
    await this.#proxier.settled()
  }

  async remove(kind: 'service' | 'slice', name: string): Promise<void> {
    this.#proxier.tell(tracker => (kind === 'service' ? tracker.removeService('ns', name) : tracker.removeSlice('ns', name)))
    await this.#proxier.settled()
  }

  async setZone(zone: string | undefined): Promise<void> {
    this.#zone = zone
    this.#proxier.setNode({ nodeName: NODE, zone: this.#zone, nodeIps: [parseAddress(this.address('node-1'), 'node-1')] })
    await this.#proxier.settled()
  }

  /** Asks for a sync that looks at this host's addresses again. */
  async refresh(): Promise<void> {
    this.#proxier.refresh('addresses changed')
    await this.#proxier.settled()
  }

  address(name: AddressName): string {
    return addressIn(this.family, name)
  }

  prefix(name: PrefixName): string {
    return prefixIn(this.family, name)
  }

  host(name: HostName) {
    return this.topology.host(name)
  }

  /** One TCP connection: who answered and whom it saw. */
  tcp(from: HostName, to: AddressName | string, port: number, timeoutMs = 2_000): Promise<Reply> {
    return this.host(from).tcp(this.#resolve(to), port, { timeoutMs })
  }

  udp(from: HostName, to: AddressName | string, port: number, timeoutMs = 2_000): Promise<Reply> {
    return this.host(from).udp(this.#resolve(to), port, { timeoutMs })
  }

  #resolve(to: AddressName | string): string {
    return /[.:]/.test(to) ? to : addressIn(this.family, to as AddressName)
  }

  /**
   * Asserts that over 40 connections per endpoint exactly these endpoints answer, and whom they see:
   * 'M' node-1's own address towards the endpoint, 'U' the client's.
   */
  async reaches(t: ExecutionContext, from: HostName, to: AddressName, port: number, servers: readonly string[], seen: 'M' | 'U' | undefined, protocol: 'tcp' | 'udp' = 'tcp'): Promise<void> {
    const replies: Reply[] = []
    for (let i = 0; i < servers.length * 40; i += 10) {
      replies.push(...(await Promise.all(Array.from({ length: 10 }, () => this[protocol](from, to, port)))))
      if (i >= 40 && new Set(replies.map(reply => reply.server)).size === servers.length) break
    }
    const what = `${from} -> ${to}:${port}`
    t.deepEqual([...new Set(replies.map(reply => reply.server))].sort(), [...servers].sort(), what)
    if (seen === undefined) return
    for (const { server, clientAddress } of replies) {
      const name = server.split(':')[0] as HostName
      const own = this.address(from as AddressName)
      const masqueraded = name.startsWith('L') || name === 'C' ? this.address('node-1 pods') : this.address('node-1')
      const wanted = seen === 'M' ? [masqueraded] : from === 'node-1' ? [this.address('node-1'), this.address('node-1 pods')] : [own]
      t.true(wanted.includes(clientAddress), `${what}: ${server} saw ${clientAddress}, not ${wanted.join(' or ')}`)
    }
  }

  /** Asserts an ICMP refusal, or silence. */
  async fails(t: ExecutionContext, from: HostName, to: AddressName, port: number, outcome: Outcome, protocol: 'tcp' | 'udp' = 'tcp'): Promise<void> {
    const error = await this[protocol](from, to, port, outcome === 'refused' ? 1_500 : DROP_TIMEOUT_MS).then(reply => new Error(`answered by ${reply.server}`), (cause: NodeJS.ErrnoException) => cause)
    const codes = outcome === 'refused' ? ['ECONNREFUSED'] : protocol === 'udp' ? ['ETIMEDOUT', 'EPERM'] : ['ETIMEDOUT']
    t.true(codes.includes((error as NodeJS.ErrnoException).code ?? ''), `${from} -> ${to}:${port}: ${error.message} instead of ${outcome}`)
  }

  /** Asserts that the packet meets no rule of ours: it leaves towards node-2, or meets the local stack. */
  async isNotCaptured(t: ExecutionContext, from: HostName, to: AddressName, port: number): Promise<void> {
    const reply = await this.tcp(from, to, port, DROP_TIMEOUT_MS).then(found => found, (cause: NodeJS.ErrnoException) => cause)
    t.true(reply instanceof Error, `${from} -> ${to}:${port} was answered by ${(reply as Reply).server}`)
    // What left by routing is tracked as it is, and a later connection may reuse its source port.
    await this.host('node-1').exec(['conntrack', '-F'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}
