// The agent as a whole: brings the host up, then keeps kernel, rules, subnet.env, store and health in line until it
// is told to stop. Stopping leaves the data plane as it is; only --cleanup takes it away.

import { randomBytes } from 'node:crypto'
import type { CniServer } from '../../cni/plugin/options.ts'
import { openRtnl } from '../net/rtnetlink/rtnl.ts'
import { Wireguard } from '../net/wireguard/wireguard.ts'
import type { Clock } from '../ops/clock.ts'
import { HttpEndpoints } from '../ops/http-endpoints.ts'
import type { Logger } from '../ops/log.ts'
import { openMetrics, type Registry } from '../ops/metrics.ts'
import { releaseMemory } from '../ops/release-memory.ts'
import type { Doorbell } from '../ops/wake.ts'
import { podMtu } from './backends/index.ts'
import { openCarrier } from './backends/open-carrier.ts'
import { ConfigFollower } from './config/config-follower.ts'
import { networksOf, type NetworkConfig } from './config/network-config.ts'
import type { SubnetEnv } from './config/subnet-env.ts'
import { KernelDataplane } from './dataplane/kernel.ts'
import { agentMetrics, type AgentMetrics } from './health/agent-metrics.ts'
import { ClockSteps } from './health/clock-steps.ts'
import { healthEndpoints, STUCK_MS } from './health/endpoints.ts'
import { MeshMetrics } from './health/mesh-metrics.ts'
import { notReadyBecause } from './health/readiness.ts'
import { ServiceManager } from './health/service-manager.ts'
import { statusOf } from './health/status.ts'
import { formatSubnets } from './leases/lease.ts'
import type { LeaseManager } from './leases/lease-manager.ts'
import { familiesOf } from './leases/per-family.ts'
import { MeshProbe } from './mesh/run-mesh-probe.ts'
import { Announcer } from './network/announcer.ts'
import { bringUp } from './network/bring-up.ts'
import { ringOnKernelChange } from './network/kernel-watch.ts'
import { ringOnWireguardChange } from './network/wireguard-watch.ts'
import { NetworkLoop } from './network/network-loop.ts'
import type { AgentOptions } from './options.ts'
import { openRuleEngine } from './rules/open-engine.ts'
import { ringOnRuleChange } from './rules/rules-watch.ts'
import { RulesLoop } from './rules/rules-loop.ts'

export type AgentParts = Readonly<{
  options: AgentOptions
  /** Waits for the configuration; throws InputError when it is wrong. */
  loadConfig: (call: { signal: AbortSignal }) => Promise<NetworkConfig>
  /** Reads it once; throws when it is away or wrong. */
  readConfig: (call: { signal: AbortSignal }) => Promise<NetworkConfig>
  /** Rung when somebody asks for the configuration to be read again and the host to be looked at. */
  reload: Doorbell
  env: Readonly<Record<string, string | undefined>>
  /** Opens the store's lease manager; it ends with the signal. */
  openManager: (config: NetworkConfig, call: { signal: AbortSignal }) => Promise<LeaseManager>
  /** Opens the CNI server, when pods are to be wired by this process. */
  openCni: ((call: { registry: Registry; signal: AbortSignal }) => Promise<CniServer>) | undefined
  log: Logger
  clock: Clock
}>

/** Runs until `signal` aborts. Rejects when the host cannot be brought up, with what a person must put right. */
export async function runAgent(parts: AgentParts, { signal: outer }: { signal: AbortSignal }): Promise<void> {
  // One part that breaks ends them all, and none is left running behind the others.
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const agent = new Agent(parts)
  try {
    await agent.run(signal)
  } catch (error) {
    if (!outer.aborted) throw error
  } finally {
    await agent.release()
    stop.abort()
    await agent[Symbol.asyncDispose]()
  }
}

/** Part of the five seconds in which a stopped agent is gone. */
const RELEASE_MS = 3_000

class Agent implements AsyncDisposable {
  readonly #parts: AgentParts
  readonly #registry = openMetrics()
  readonly #metrics: AgentMetrics
  readonly #stack = new AsyncDisposableStack()
  #waiting: string | undefined = 'starting'
  #config: NetworkConfig | undefined
  #manager: LeaseManager | undefined
  #network: NetworkLoop | undefined
  #rules: RulesLoop | undefined
  #announcer: Announcer | undefined
  #mesh: MeshProbe | undefined
  #follower: ConfigFollower | undefined
  readonly #serviceManager: ServiceManager
  readonly #clockSteps: ClockSteps
  #lastTickMs: number
  #rulesFor = ''

  constructor(parts: AgentParts) {
    this.#parts = parts
    this.#metrics = agentMetrics(this.#registry)
    this.#lastTickMs = parts.clock.monotonicMs()
    const { env, log, clock } = parts
    this.#clockSteps = new ClockSteps({ log, clock })
    this.#serviceManager = new ServiceManager({ env, log, clock, pid: process.pid, alive: () => this.#network === undefined || clock.monotonicMs() - this.#lastTickMs <= STUCK_MS })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { options, log, clock } = this.#parts
    await this.#openHealth()
    // Also while something is waited for, which is being alive.
    const watching = this.#serviceManager.run({ signal })
    const config = await this.#whileWaiting('waiting for the network configuration', () => this.#parts.loadConfig({ signal }))
    this.#config = config
    const manager = await this.#whileWaiting('waiting for the store of leases', () => this.#parts.openManager(config, { signal }))
    this.#manager = this.#stack.use(manager)
    const rtnl = this.#stack.use(openRtnl())
    const kernel = new KernelDataplane({ rtnl, wireguard: this.#stack.use(Wireguard.open()), now: () => clock.now() })
    const host = await bringUp({
      config, manager, kernel, log, clock, underlay: options.underlay, dataplane: options.dataplane, random: Math.random, randomBytes,
      onWait: reason => {
        this.#waiting = reason
      },
    }, { signal })
    const carrier = openCarrier(config.backend, { networks: networksOf(config), subnets: host.own.subnets, log, onChange: () => this.#network?.doorbell.ring('carrier changed') })
    if (carrier !== undefined) this.#stack.use(carrier)
    const network = new NetworkLoop({
      config, options: options.dataplane, host, kernel, carrier, metrics: this.#metrics, log, clock, random: Math.random,
      publish: attributes => manager.publish(attributes),
      narrowedTo: owner => this.#mesh?.prober.narrowedTo(owner),
      onPass: () => this.#afterPass(),
    })
    this.#lastTickMs = clock.monotonicMs()
    this.#network = network
    const { meshProbeMs: intervalMs } = options
    if (intervalMs > 0) this.#mesh = new MeshProbe({ network, backend: () => this.#config!.backend, pools: config.pools, intervalMs, metrics: new MeshMetrics(this.#registry), log, clock })
    const cni = this.#parts.openCni === undefined ? undefined : this.#stack.use(await this.#parts.openCni({ registry: this.#registry, signal }))
    this.#announcer = this.#openAnnouncer({ manager, cni })
    this.#follower = this.#openFollower(config)
    await Promise.all([
      manager.watch(snapshot => network.setLeases(snapshot), { signal }),
      network.run({ signal }),
      ringOnKernelChange(rtnl, { doorbell: network.doorbell, scope: () => network.watchScope, signal }),
      config.backend.kind === 'wireguard' ? ringOnWireguardChange({ kernel, network, log, clock, signal }) : undefined,
      this.#keepRules(config, signal),
      this.#announcer.run({ signal }),
      this.#mesh?.run({ signal }),
      this.#follower.run({ signal }),
      this.#clockSteps.run({ signal }),
      watching,
    ])
  }

  /** With --release-lease-on-exit: others may have the subnet at once; a store that does not answer keeps it until its time is up. */
  async release(): Promise<void> {
    this.#serviceManager.stopping()
    if (!this.#parts.options.releaseOnExit) return
    try {
      await this.#manager?.release({ signal: AbortSignal.timeout(RELEASE_MS) })
    } catch (err) {
      this.#parts.log.warn({ err }, 'cannot release the lease')
    }
  }

  #afterPass(): void {
    this.#lastTickMs = this.#parts.clock.monotonicMs()
    const subnets = formatSubnets(this.#network!.state.own.subnets)
    if (subnets !== this.#rulesFor) this.#rules?.doorbell.ring('subnet changed')
    this.#rulesFor = subnets
    this.#announcer?.doorbell.ring('network changed')
  }

  async #whileWaiting<T>(reason: string, work: () => Promise<T>): Promise<T> {
    this.#waiting = reason
    return work()
  }

  async #openHealth(): Promise<void> {
    const { options, log, clock } = this.#parts
    if (options.health === undefined) return
    const notReady = (): readonly string[] => {
      const reasons = this.#notReady()
      this.#metrics.ready.set(reasons.length === 0 ? 1 : 0)
      return reasons
    }
    const endpoints = healthEndpoints({
      // Waiting for something outside is being alive.
      lastTickMs: () => (this.#network === undefined ? clock.monotonicMs() : this.#lastTickMs),
      nowMs: () => clock.monotonicMs(),
      notReady,
      warnings: () => [...(this.#follower?.drift ?? []), ...(this.#rules?.state.hindrances ?? []), ...(this.#mesh?.prober.faults ?? []), ...this.#clockSteps.warnings],
      status: () => statusOf({ drift: this.#follower?.drift ?? [], paths: this.#mesh?.prober.paths ?? [], config: this.#config, network: this.#network?.state, reasons: notReady(), storeTrouble: this.#manager?.trouble }),
      registry: this.#registry,
    })
    const server = this.#stack.use(await HttpEndpoints.open({ ...options.health, endpoints, log }))
    log.info({ host: options.health.host, port: server.port }, 'serving health and metrics')
  }

  #notReady(): readonly string[] {
    return notReadyBecause({
      network: this.#network?.state,
      waiting: this.#waiting,
      rules: this.#rulesWanted ? (this.#rules?.state ?? { verifiedMs: undefined, trouble: undefined, hindrances: [] }) : undefined,
      rulesPeriodMs: this.#parts.options.rules.resyncMs,
      announcementTrouble: this.#announcer?.trouble,
      nowMs: this.#parts.clock.monotonicMs(),
    })
  }

  get #rulesWanted(): boolean {
    const { masquerade, forward } = this.#parts.options.rules
    return masquerade || forward
  }

  async #keepRules(config: NetworkConfig, signal: AbortSignal): Promise<void> {
    const { options, log, clock } = this.#parts
    const { rules } = options
    if (!this.#rulesWanted) return
    const engine = await openRuleEngine({ nftables: config.enableNftables, families: familiesOf(config.pools), instance: rules.instance, log, signal })
    const want = () => ({
      networks: networksOf(config),
      subnets: this.#network!.state.own.subnets,
      masquerade: rules.masquerade,
      forward: rules.forward,
      randomFully: rules.randomFully && engine.canRandomFully,
      noMasquerade: rules.noMasquerade,
      instance: rules.instance,
    })
    this.#rules = new RulesLoop({ engine, want, resyncMs: rules.resyncMs, metrics: this.#metrics, log, clock, random: Math.random, onPass: () => this.#announcer?.doorbell.ring('rules verified') })
    await Promise.all([this.#rules.run({ signal }), ringOnRuleChange({ doorbell: this.#rules.doorbell, log, signal })])
  }

  /** A reload also looks at the whole host and verifies the rules. */
  #openFollower(running: NetworkConfig): ConfigFollower {
    const { readConfig, reload, log, clock } = this.#parts
    return new ConfigFollower({
      running, doorbell: reload, log, clock, random: Math.random,
      read: call => readConfig(call),
      onReload: moment => {
        if (moment === 'begin') return this.#serviceManager.reloading()
        for (const part of [this.#network, this.#rules, this.#announcer]) part?.doorbell.ring('reload')
        if (this.#announcer?.trouble === undefined) this.#serviceManager.ready('reloaded')
      },
      take: config => {
        this.#config = config
        this.#network!.setConfig(config)
      },
    })
  }

  #openAnnouncer({ manager, cni }: Readonly<{ manager: LeaseManager; cni: CniServer | undefined }>): Announcer {
    const { options, log, clock } = this.#parts
    return new Announcer({
      subnetFile: options.subnetFile, cni, log, clock, random: Math.random,
      current: () => this.#announceable(this.#config!),
      onReady: () => {
        manager.announceReady()
        this.#serviceManager.ready(`leased ${formatSubnets(this.#network!.state.own.subnets)}`)
        log.info({ backend: this.#config!.backend.kind, subnet: formatSubnets(this.#network!.state.own.subnets), link: this.#network!.state.underlay.link }, 'ready')
        // The first list and its thousands of steps are over; what follows is small.
        releaseMemory()
      },
    })
  }

  /** Devices and rules first: a pod that starts on subnet.env's word must find both. */
  #announceable(config: NetworkConfig): SubnetEnv | undefined {
    const state = this.#network!.state
    const devicesFailed = state.failed.some(({ step }) => step.peer === undefined)
    if (!state.complete || devicesFailed || state.carrierTrouble !== undefined || (this.#rulesWanted && this.#rules?.state.verifiedMs === undefined)) return undefined
    const { options } = this.#parts
    return {
      networks: networksOf(config),
      subnets: state.own.subnets,
      mtu: podMtu(config.backend, state.underlay, { families: familiesOf(config.pools), compat: options.dataplane.mtuCompat }),
      ipMasq: options.rules.masquerade,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}
