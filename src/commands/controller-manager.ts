// `weft controller-manager`: flags named and meant as kube-controller-manager's.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { openApiClient } from '../client/api-client.ts'
import type { ClientConfig } from '../client/kubeconfig/config.ts'
import { loadKubeconfig } from '../client/kubeconfig/load.ts'
import { DEFAULT_ELECTION, runWhileLeading } from '../client/leader-election.ts'
import { allControllers, chooseControllers, type CatalogOptions } from '../controllers/catalog.ts'
import type { Controller } from '../controllers/controller.ts'
import { DEFAULT_ENDPOINT_SLICE_OPTIONS } from '../controllers/endpoint-slices/controller.ts'
import { DEFAULT_MASK_SIZE } from '../controllers/node-ipam/controller.ts'
import { DEFAULT_NODE_LIFECYCLE } from '../controllers/nodes/lifecycle.ts'
import { DEFAULT_POD_GC } from '../controllers/nodes/pod-gc.ts'
import { runControllers } from '../controllers/run-controllers.ts'
import { parseAddress, type Family } from '../net/ip/address.ts'
import { parsePrefix, type Prefix } from '../net/ip/prefix.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError } from '../ops/errors.ts'
import { HttpEndpoints } from '../ops/http-endpoints.ts'
import { LOG_LEVELS, openLog, type LogLevel, type Logger } from '../ops/log.ts'
import { Gauge, openMetrics } from '../ops/metrics.ts'
import { runProcess } from '../ops/process.ts'
import { limitYoungGeneration } from '../ops/young-generation.ts'
import { goBoolean, goDuration, positiveNumber, wholeNumber } from './go-values.ts'

/**
 * Flags that command lines of kube-controller-manager carry (kubeadm's static pod among them) and that switch or tune
 * things which Weft does not have. They are taken, and named once in the log.
 */
const WITHOUT_MEANING: readonly string[] = [
  'authentication-kubeconfig', 'authorization-kubeconfig', 'authentication-skip-lookup', 'authorization-always-allow-paths', 'cert-dir', 'client-ca-file',
  'cloud-provider', 'cluster-name', 'concurrent-gc-syncs',
  'concurrent-namespace-syncs', 'concurrent-endpoint-syncs', 'concurrent-daemonset-syncs', 'configure-cloud-routes', 'feature-gates', 'flex-volume-plugin-dir',
  'kube-api-burst', 'kube-api-content-type', 'kube-api-qps', 'large-cluster-size-threshold', 'leader-elect-resource-lock', 'logging-format',
  'mirroring-concurrent-service-endpoint-syncs', 'node-monitor-period', 'profiling', 'requestheader-client-ca-file', 'secondary-node-eviction-rate',
  'service-account-private-key-file', 'unhealthy-zone-threshold', 'use-service-account-credentials', 'v',
]

/** kube-controller-manager's 8760h0m0s. */
const YEAR_MS = 365 * 86_400_000

/** We chose: filling the caches makes much garbage once, and the nursery it leaves behind would stay. */
const YOUNG_GENERATION_BYTES = 8 << 20

type Flags = Readonly<{
  kubeconfig?: string
  master?: string
  controllers: string
  allocateNodeCidrs: boolean
  clusterCidr?: string
  nodeCidrMaskSize?: number
  nodeCidrMaskSizeIpv4?: number
  nodeCidrMaskSizeIpv6?: number
  serviceClusterIpRange: string
  rootCaFile?: string
  clusterSigningCertFile?: string
  clusterSigningKeyFile?: string
  clusterSigningDuration: number
  maxEndpointsPerSlice: number
  concurrentServiceEndpointSyncs: number
  endpointsliceUpdatesBatchPeriod: number
  nodeMonitorGracePeriod: number
  nodeStartupGracePeriod: number
  nodeEvictionRate: number
  terminatedPodGcThreshold: number
  concurrentDeploymentSyncs: number
  concurrentReplicasetSyncs: number
  leaderElect: boolean
  leaderElectLeaseDuration: number
  leaderElectRenewDeadline: number
  leaderElectRetryPeriod: number
  leaderElectResourceName: string
  leaderElectResourceNamespace: string
  bindAddress: string
  securePort: number
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  logLevel: LogLevel
}>

export const command = (): Command => {
  const command = new Command()
    .option('--kubeconfig <file>', 'how to reach the API server (default: $KUBECONFIG, the pod\'s service account, ~/.kube/config)')
    .option('--master <url>', 'URL of the API server; overrides the kubeconfig\'s')
    .option('--controllers <list>', '"*" is all, "name" that one, "-name" not that one', '*')
    .option('--allocate-node-cidrs [bool]', 'give every node a pod CIDR', goBoolean('--allocate-node-cidrs'), false)
    .option('--cluster-cidr <cidrs>', 'one or two prefixes that pod CIDRs are cut from')
    .option('--node-cidr-mask-size <length>', 'length of a node\'s pod CIDR when there is one cluster CIDR (default: 24, or 64 for IPv6)', wholeNumber('--node-cidr-mask-size', 1))
    .option('--node-cidr-mask-size-ipv4 <length>', 'length of a node\'s IPv4 pod CIDR', wholeNumber('--node-cidr-mask-size-ipv4', 1))
    .option('--node-cidr-mask-size-ipv6 <length>', 'length of a node\'s IPv6 pod CIDR', wholeNumber('--node-cidr-mask-size-ipv6', 1))
    .option('--service-cluster-ip-range <cidrs>', 'one or two prefixes that no node may be given', '')
    .option('--root-ca-file <file>', 'CA bundle to publish in every namespace, PEM')
    .option('--cluster-signing-cert-file <file>', 'authority that signs certificate requests, PEM; without it nobody does')
    .option('--cluster-signing-key-file <file>', 'its private key, PEM')
    .option('--cluster-signing-duration <duration>', 'how long issued certificates are valid at most', goDuration('--cluster-signing-duration'), YEAR_MS)
    .option('--max-endpoints-per-slice <number>', 'most endpoints in one EndpointSlice, up to 1000', wholeNumber('--max-endpoints-per-slice', 1), DEFAULT_ENDPOINT_SLICE_OPTIONS.maxEndpointsPerSlice)
    .option('--concurrent-service-endpoint-syncs <number>', 'Services whose slices are worked on at a time', wholeNumber('--concurrent-service-endpoint-syncs', 1), DEFAULT_ENDPOINT_SLICE_OPTIONS.concurrentSyncs)
    .option('--endpointslice-updates-batch-period <duration>', 'how long changes of pods are gathered before slices are written', goDuration('--endpointslice-updates-batch-period'), 0)
    .option('--node-monitor-grace-period <duration>', 'a node not heard from for this long is unreachable', goDuration('--node-monitor-grace-period'), DEFAULT_NODE_LIFECYCLE.monitorGraceMs)
    .option('--node-startup-grace-period <duration>', 'the same for a node never heard from', goDuration('--node-startup-grace-period'), DEFAULT_NODE_LIFECYCLE.startupGraceMs)
    .option('--node-eviction-rate <number>', 'nodes per second whose pods may begin to be evicted', positiveNumber('--node-eviction-rate'), DEFAULT_NODE_LIFECYCLE.evictionRate)
    .option('--terminated-pod-gc-threshold <number>', 'finished pods kept at most; 0 keeps all', wholeNumber('--terminated-pod-gc-threshold'), DEFAULT_POD_GC.terminatedThreshold)
    .option('--concurrent-deployment-syncs <number>', 'Deployments worked on at a time', wholeNumber('--concurrent-deployment-syncs', 1), 5)
    .option('--concurrent-replicaset-syncs <number>', 'ReplicaSets worked on at a time', wholeNumber('--concurrent-replicaset-syncs', 1), 5)
    .option('--leader-elect [bool]', 'work only while holding the leader lease', goBoolean('--leader-elect'), true)
    .option('--leader-elect-lease-duration <duration>', 'others take over this long after the last renewal', goDuration('--leader-elect-lease-duration'), DEFAULT_ELECTION.leaseDurationMs)
    .option('--leader-elect-renew-deadline <duration>', 'stop leading when renewing has failed for this long', goDuration('--leader-elect-renew-deadline'), DEFAULT_ELECTION.renewDeadlineMs)
    .option('--leader-elect-retry-period <duration>', 'wait between tries', goDuration('--leader-elect-retry-period'), DEFAULT_ELECTION.retryPeriodMs)
    .option('--leader-elect-resource-name <name>', 'name of the leader lease', 'kube-controller-manager')
    .option('--leader-elect-resource-namespace <namespace>', 'its namespace', 'kube-system')
    .option('--bind-address <address>', 'address of health and metrics; metrics are served on loopback only', '127.0.0.1')
    .option('--secure-port <port>', 'HTTPS port of health and metrics; 0 serves none', wholeNumber('--secure-port'), 10257)
    .option('--tls-cert-file <file>', 'certificate of that port, PEM (default: one made at the start)')
    .option('--tls-private-key-file <file>', 'its private key, PEM')
    .option('--log-level <level>', `one of ${LOG_LEVELS.join(', ')}`, 'info')
    .action(async (flags: Flags) => {
      // What is wrong with the command line is said before anything runs.
      const controllers = chooseControllers(allControllers(catalogOptions(flags)), flags.controllers.split(','))
      const config = await loadKubeconfig({ path: flags.kubeconfig, master: flags.master })
      limitYoungGeneration(YOUNG_GENERATION_BYTES)
      const root = openLog({ level: flags.logLevel })
      const log = root.child({ component: 'controller-manager' })
      const idle = WITHOUT_MEANING.filter(name => command.getOptionValueSource(optionOf(name).attributeName()) === 'cli')
      if (idle.length > 0) log.info({ flags: idle }, 'flags of kube-controller-manager without a meaning here')
      await runProcess(log, signal => run({ flags, controllers, config, root, log }, signal))
    })
  for (const name of WITHOUT_MEANING) command.addOption(optionOf(name))
  return command
}

const optionOf = (name: string): Option => new Option(`--${name} [value]`).hideHelp()

type Setup = Readonly<{ flags: Flags; controllers: readonly Controller[]; config: ClientConfig; root: Logger; log: Logger }>

async function run({ flags, controllers, config, root, log }: Setup, signal: AbortSignal): Promise<void> {
  await using client = openApiClient({ config, userAgent: 'weft-controller-manager', log: root })
  const state = { leading: false, ready: false }
  const health = await openHealth(flags, log, state, () => client.outages.current().map(outage => outage.subject))
  await using resources = new AsyncDisposableStack()
  if (health !== undefined) resources.use(health)
  log.info({ server: config.server.host, origin: config.origin, controllers: controllers.map(({ name }) => name) }, 'starting')

  const work = (workSignal: AbortSignal): Promise<void> => runControllers({
    client, controllers, log: root, clock: systemClock, random: Math.random, newId: () => randomBytes(8).toString('hex'), signal: workSignal,
    onReady: () => {
      state.ready = true
      log.info({ controllers: controllers.length }, 'ready')
    },
  })
  if (!flags.leaderElect) return await work(signal)
  const identity = `${hostname()}_${randomBytes(8).toString('hex')}`
  // A lease that was lost is waited for again: whoever took it may fail, too.
  while (!signal.aborted) {
    const outcome = await runWhileLeading({
      client, identity, log, clock: systemClock, random: Math.random, signal,
      lease: { namespace: flags.leaderElectResourceNamespace, name: flags.leaderElectResourceName },
      leaseDurationMs: flags.leaderElectLeaseDuration, renewDeadlineMs: flags.leaderElectRenewDeadline, retryPeriodMs: flags.leaderElectRetryPeriod,
    }, async leadSignal => {
      state.leading = true
      await work(leadSignal)
    })
    state.leading = false
    state.ready = false
    if (outcome === 'ended') return
  }
}

function catalogOptions(flags: Flags): CatalogOptions {
  if (flags.maxEndpointsPerSlice > 1000) throw new InputError('--max-endpoints-per-slice', flags.maxEndpointsPerSlice, 'is above 1000, the most a slice may hold')
  const clusterCidrs = prefixes('--cluster-cidr', flags.clusterCidr ?? '')
  if (flags.allocateNodeCidrs && clusterCidrs.length === 0) throw new InputError('--cluster-cidr', flags.clusterCidr ?? '', 'is required by --allocate-node-cidrs')
  return {
    endpointSlices: { maxEndpointsPerSlice: flags.maxEndpointsPerSlice, concurrentSyncs: flags.concurrentServiceEndpointSyncs, batchPeriodMs: flags.endpointsliceUpdatesBatchPeriod },
    nodeIpam: flags.allocateNodeCidrs
      ? { clusterCidrs, serviceCidrs: prefixes('--service-cluster-ip-range', flags.serviceClusterIpRange), maskSize: { 4: maskSize(flags, clusterCidrs, 4), 6: maskSize(flags, clusterCidrs, 6) } }
      : undefined,
    nodeLifecycle: { monitorGraceMs: flags.nodeMonitorGracePeriod, startupGraceMs: flags.nodeStartupGracePeriod, evictionRate: flags.nodeEvictionRate },
    podGc: { ...DEFAULT_POD_GC, terminatedThreshold: flags.terminatedPodGcThreshold },
    concurrentSyncs: { deployments: flags.concurrentDeploymentSyncs, replicaSets: flags.concurrentReplicasetSyncs },
    rootCa: flags.rootCaFile === undefined ? undefined : readFlagFile('--root-ca-file', flags.rootCaFile),
    signing: signingOptions(flags),
  }
}

function signingOptions({ clusterSigningCertFile: certificate, clusterSigningKeyFile: key, clusterSigningDuration }: Flags): CatalogOptions['signing'] {
  if ((certificate === undefined) !== (key === undefined)) throw new InputError('--cluster-signing-cert-file', certificate, 'must be given together with --cluster-signing-key-file')
  if (certificate === undefined || key === undefined) return undefined
  return {
    authority: { certificatePem: readFlagFile('--cluster-signing-cert-file', certificate), privateKeyPem: readFlagFile('--cluster-signing-key-file', key) },
    maxDurationMs: clusterSigningDuration,
  }
}

/** One or two prefixes; two must be of different families. */
function prefixes(flag: string, text: string): readonly Prefix[] {
  const found = text.split(',').filter(part => part.trim() !== '').map(part => parsePrefix(part.trim(), flag))
  if (found.length > 2 || (found.length === 2 && found[0]!.family === found[1]!.family)) throw new InputError(flag, text, 'must be one prefix, or one of each family')
  return found
}

/** The flag without a family is for clusters of one family, as upstream. */
function maskSize(flags: Flags, clusterCidrs: readonly Prefix[], family: Family): number {
  const own = family === 4 ? flags.nodeCidrMaskSizeIpv4 : flags.nodeCidrMaskSizeIpv6
  if (clusterCidrs.length > 1 && flags.nodeCidrMaskSize !== undefined) {
    throw new InputError('--node-cidr-mask-size', flags.nodeCidrMaskSize, 'is ambiguous with two cluster CIDRs: use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6')
  }
  return own ?? (clusterCidrs[0]?.family === family ? flags.nodeCidrMaskSize : undefined) ?? DEFAULT_MASK_SIZE[family]
}

async function openHealth(flags: Flags, log: Logger, state: Readonly<{ leading: boolean; ready: boolean }>, troubles: () => readonly string[]): Promise<HttpEndpoints | undefined> {
  if (flags.securePort === 0) return undefined
  const address = parseAddress(flags.bindAddress, '--bind-address')
  const loopback = address.family === 4 ? address.bits >> 24n === 127n : address.bits === 1n
  const metrics = openMetrics()
  new Gauge({
    name: 'leader_election_master_status', help: 'Whether this instance leads.', labelNames: ['name'], registers: [metrics],
    collect() { this.set({ name: flags.leaderElectResourceName }, state.leading ? 1 : 0) },
  })
  const alive = () => ({ status: 200, body: 'ok' })
  return HttpEndpoints.open({
    host: flags.bindAddress, port: flags.securePort, log, tls: await servingCertificate(flags),
    endpoints: {
      '/healthz': alive,
      '/livez': alive,
      '/readyz': () => {
        const wrong = troubles()
        // A standby is as ready as it can be.
        return (state.ready || (flags.leaderElect && !state.leading)) && wrong.length === 0 ? { status: 200, body: 'ok' } : { status: 500, body: `not ready: ${wrong.join(', ') || 'caches are being filled'}\n` }
      },
      ...(loopback && { '/metrics': async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }) }),
    },
  })
}

async function servingCertificate(flags: Flags): Promise<{ certificatePem: string; privateKeyPem: string }> {
  if (flags.tlsCertFile !== undefined && flags.tlsPrivateKeyFile !== undefined) {
    return { certificatePem: readFlagFile('--tls-cert-file', flags.tlsCertFile), privateKeyPem: readFlagFile('--tls-private-key-file', flags.tlsPrivateKeyFile) }
  }
  // Loaded here because most instances are given a certificate, and the library is large.
  const { createAuthority, issueCertificate } = await import('../ops/certificates/authority.ts')
  return issueCertificate(await createAuthority({ commonName: 'weft-controller-manager-ca' }), { commonName: 'weft-controller-manager', usages: ['server'], dnsNames: ['localhost'], ipAddresses: [flags.bindAddress] })
}

function readFlagFile(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new InputError(flag, path, `cannot be read: ${(cause as Error).message}`, { cause })
  }
}
