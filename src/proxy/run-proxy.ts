// The proxy as a whole: from a configuration to rules that follow the API server, until it is told to stop.
// Stopping leaves every rule in force.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Node } from 'kubernetes-types/core/v1.d.ts'
import { openApiClient } from '../client/api-client.ts'
import { EventRecorder } from '../client/event-recorder.ts'
import { loadKubeconfig } from '../client/kubeconfig/load.ts'
import type { Clock } from '../ops/clock.ts'
import { InputError, isAbort, WeftError } from '../ops/errors.ts'
import type { Logger } from '../ops/log.ts'
import { openMetrics } from '../ops/metrics.ts'
import { Conntrack } from '../net/conntrack/conntrack.ts'
import { formatAddress, type Family } from '../net/ip/address.ts'
import { formatPrefix } from '../net/ip/prefix.ts'
import { PacketCounters } from '../net/nfacct/nfacct.ts'
import { openRtnl, type Rtnl } from '../net/rtnetlink/rtnl.ts'
import type { ProxyConfig } from './config/proxy-config.ts'
import { StaleFlowCleaner } from './conntrack/stale-flow-cleaner.ts'
import { localDetectors } from './detect-local.ts'
import { HealthCheckServers } from './health/health-check-servers.ts'
import { ProxyHealth } from './health/proxy-health.ts'
import { hostAddresses, watchHostAddresses } from './node/host-addresses.ts'
import { applyConntrackSettings, isIpv6Enabled, setOomScoreAdj } from './node/kernel-settings.ts'
import { nodeIp, nodeIpsOf, podCidrsOf, withBindAddress, zoneOf, type NodeIps } from './node/node-facts.ts'
import { prefixesOf, selectAddresses } from './node/node-port-addresses.ts'
import { ensureCounters, openBackend, type OpenBackendOptions } from './open-backend.ts'
import { removeOtherMode } from './other-mode.ts'
import { followObjects } from './follow-objects.ts'
import { healthEndpoints, metricsEndpoints, serve } from './operations.ts'
import { OwnNode } from './own-node.ts'
import { ServiceCidrs } from './service-cidrs.ts'
import type { Backend } from './sync/backend.ts'
import { FamilyProxier } from './sync/family-proxier.ts'
import { openIptablesMetrics, openPacketMetrics, openProxyMetrics } from './sync/proxy-metrics.ts'

export type RunProxyOptions = Readonly<{ config: ProxyConfig; version: string; clock: Clock; log: Logger; signal: AbortSignal }>

/** How long to wait for the Node's addresses before going on without, and for its pod CIDRs before giving up. */
const NODE_IPS_TIMEOUT_MS = 30_000
const POD_CIDRS_TIMEOUT_MS = 300_000
/** How long one family waits for the other before it goes its own way. */
const PATIENCE_MS = 60_000

export async function runProxy({ config, version, clock, log, signal: outer }: RunProxyOptions): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([outer, failed.signal])
  await using held = new AsyncDisposableStack()
  const nodeName = nodeNameOf(config)
  const client = held.use(openApiClient({ config: await loadKubeconfig({ path: config.kubeconfig, master: config.master }), userAgent: `weft-proxy/${version}`, log, clock }))
  const node = await OwnNode.open({ client, nodeName, clock, log, signal })
  const ips = withBindAddress(await node.find(nodeIpsOf, NODE_IPS_TIMEOUT_MS), config.bindAddress)
  const podCidrs = config.detectLocalMode === 'NodeCIDR' ? await requirePodCidrs(node, nodeName) : {}
  applyConntrackSettings(config.conntrack, log)
  const families: readonly Family[] = isIpv6Enabled() ? [4, 6] : [4]
  const detectors = localDetectors(config, podCidrs, families)
  warnAboutNodePorts(config, families, ips, log)
  const mode = config[config.mode]
  const registry = openMetrics()
  const metrics = openProxyMetrics(registry)
  const iptablesMetrics = config.mode === 'iptables' ? openIptablesMetrics(registry) : undefined
  if (config.mode === 'iptables') {
    const counters = held.use(PacketCounters.open())
    if (await ensureCounters(counters, { signal })) openPacketMetrics(registry, name => counters.packets(name, { signal }))
  }
  const rtnl = held.use(openRtnl())
  const flows = held.use(Conntrack.open())
  const recorder = new EventRecorder({ client, component: 'kube-proxy', host: nodeName, clock, newId: () => randomBytes(8).toString('hex'), signal })
  const startedAtMs = clock.now()
  const proxiers: FamilyProxier[] = []
  const serviceCidrs = new ServiceCidrs(log)
  const inForce = Promise.withResolvers<void>()
  const allInForce = Promise.race([inForce.promise, clock.sleep(PATIENCE_MS, { signal }).catch(() => undefined)])
  const backends = new Map<Family, Backend>()
  for (const family of families) {
    const backend = await tryOpenBackend({ config, family, detector: detectors[family], nodeIp: ips.ips[family], serviceCidrs: () => serviceCidrs.of(family), allInForce, rtnl, clock, log }, ips.primary, signal)
    if (backend !== undefined) backends.set(family, held.use(backend))
  }
  const health = new ProxyHealth({ families: [...backends.keys()], timeoutMs: 2 * mode.syncPeriodMs, clock })
  for (const [family, backend] of backends) {
    const healthChecks = held.use(new HealthCheckServers({
      hosts: await healthCheckHosts(config, family, ips, rtnl, signal),
      proxyHealthy: () => health.healthy,
      onRefused: ({ namespace, name, port }, error) =>
        recorder.record({ kind: 'Service', namespace, name }, { type: 'Warning', reason: 'FailedToStartServiceHealthcheck', action: 'Listen', message: `node ${nodeName} failed to start health check on port ${port}: ${error.message}` }),
      log,
    }))
    proxiers.push(new FamilyProxier({
      tracker: { family, nodeName, allowExternalIps: config.allowExternalIps, startedAtMs },
      node: { nodeName, zone: zoneOf(node.current), nodeIps: [nodeIp(ips, family)] },
      backend,
      cleaner: new StaleFlowCleaner({ family, flows, nodeAddresses: options => hostAddresses(rtnl, family, options), clock, log: log.child({ component: 'conntrack' }) }),
      health, healthChecks, metrics, iptablesMetrics,
      minSyncMs: mode.minSyncPeriodMs, syncPeriodMs: mode.syncPeriodMs, clock, log,
    }))
  }
  setOomScoreAdj(config.oomScoreAdj, log)
  node.onChange(current => {
    health.setNode(current)
    for (const proxier of proxiers) proxier.setNode({ nodeName, zone: zoneOf(current), nodeIps: [nodeIp(ips, proxier.family)] })
    if (config.detectLocalMode === 'NodeCIDR' && current !== undefined && cidrText(current) !== cidrText({ spec: { podCIDRs: Object.values(podCidrs).map(formatPrefix) } })) {
      failed.abort(new WeftError('PROXY_POD_CIDR_CHANGED', `the pod CIDRs of node ${nodeName} changed; the proxy has to be restarted`, { node: nodeName }))
    }
  })
  if (config.mode === 'nftables') {
    serviceCidrs.follow(() => proxiers.forEach(proxier => proxier.refresh('service CIDRs changed')), { client, clock, log, signal })
  }
  const serving = { hardFail: config.bindAddressHardFail, clock, log, signal }
  const tasks: Promise<void>[] = [
    serve({ at: config.healthz, endpoints: healthEndpoints(health, metrics), ...serving }),
    serve({ at: config.metrics, endpoints: metricsEndpoints(config, registry), ...serving }),
    watchHostAddresses(rtnl, family => {
      for (const proxier of proxiers) if (family === undefined || family === proxier.family) proxier.refresh('addresses changed')
    }, { signal }),
    followObjects({ client, proxiers, clock, log, signal }),
  ]
  recorder.record({ kind: 'Node', name: nodeName, uid: nodeName }, { type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', message: '' })
  Promise.all(proxiers.map(proxier => proxier.synced)).then(
    () => {
      inForce.resolve()
      log.info({ node: nodeName, mode: config.mode, families: [...backends.keys()], services: proxiers[0]?.table.size }, 'ready')
    },
    () => undefined,
  )
  tasks.push(...proxiers.map(proxier => removeOtherMode(proxier, config.mode, { log, signal })))
  try {
    await Promise.all(tasks)
  } catch (error) {
    if (!isAbort(error, outer)) throw error
  }
  if (failed.signal.aborted) throw failed.signal.reason
}

/** A host without ip6tables serves IPv4 alone, and the other way round; without its primary family it serves nobody. */
async function tryOpenBackend(options: OpenBackendOptions, primary: Family, signal: AbortSignal): Promise<Backend | undefined> {
  try {
    return await openBackend(options, { signal })
  } catch (err) {
    if (options.family === primary || isAbort(err, signal)) throw err
    options.log.warn({ err, family: options.family }, 'this host cannot serve one address family, going on without it')
    return undefined
  }
}

function nodeNameOf(config: ProxyConfig): string {
  const name = (config.hostnameOverride || hostname()).trim().toLowerCase()
  if (name === '') throw new InputError('hostnameOverride', name, 'is empty and this host has no name')
  return name
}

async function requirePodCidrs(node: OwnNode, nodeName: string): Promise<ReturnType<typeof podCidrsOf>> {
  const found = await node.find(current => (Object.keys(podCidrsOf(current)).length > 0 ? podCidrsOf(current) : undefined), POD_CIDRS_TIMEOUT_MS)
  if (found === undefined) throw new WeftError('PROXY_NO_POD_CIDR', `node ${nodeName} has no pod CIDR, which detectLocalMode NodeCIDR needs; is a controller allocating them?`, { node: nodeName })
  return found
}

const cidrText = (node: Node): string => Object.values(podCidrsOf(node)).map(formatPrefix).sort().join()

/** Configurations that open more than they seem to. */
function warnAboutNodePorts(config: ProxyConfig, families: readonly Family[], ips: NodeIps, log: Logger): void {
  if (config.nodePortAddresses === 'all') return
  for (const family of families) {
    if (prefixesOf(config.nodePortAddresses, family, ips.ips[family]) !== undefined) continue
    log.warn({ family, field: 'nodePortAddresses' }, 'no entry restricts this family, so node ports answer on all its addresses')
  }
}

/** All addresses of the family, or the ones selected for node ports as they are at the start. */
async function healthCheckHosts(config: ProxyConfig, family: Family, ips: NodeIps, rtnl: Rtnl, signal: AbortSignal): Promise<readonly string[]> {
  const prefixes = prefixesOf(config.nodePortAddresses, family, ips.ips[family])
  if (prefixes === undefined) return [family === 4 ? '0.0.0.0' : '::']
  const selected = selectAddresses(prefixes, false, await hostAddresses(rtnl, family, { signal }))
  return selected.kind === 'all' ? [] : selected.addresses.map(formatAddress)
}
