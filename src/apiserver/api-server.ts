// The API server: its parts, put together. Opening it returns when it serves.

import type { UserInfo } from '../api/registry/strategy.ts'
import type { ApiResource } from '../api/registry/resource.ts'
import { backoffMs, RECONNECT_BACKOFF } from '../ops/backoff.ts'
import { openMetrics } from '../ops/metrics.ts'
import { Doorbell, reconcileLoop } from '../ops/wake.ts'
import type { Prefix } from '../net/ip/prefix.ts'
import { KEEP_REVISIONS, runCompaction } from '../store/compaction.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import { formatHostPort } from '../net/ip/port.ts'
import { AddressAllocator } from './allocators/address-allocator.ts'
import { PortAllocator, type PortRange } from './allocators/port-allocator.ts'
import { ServiceAllocators } from './allocators/service-allocators.ts'
import { BearerTokens } from './authentication/bearer-token.ts'
import { BootstrapTokens } from './authentication/bootstrap-token.ts'
import { ClientCertificates } from './authentication/client-certificate.ts'
import { NodeScope } from './authorization/node-scope.ts'
import { bindingEscalation, roleEscalation } from './authorization/escalation.ts'
import { aggregateRoles } from './authorization/role-aggregation.ts'
import { RbacAuthorizer } from './authorization/rbac.ts'
import { Catalog } from './catalog.ts'
import { Dispatcher, REQUEST_TIMEOUT_MS } from './dispatch.ts'
import { Fairness, type FairnessLimits } from './fairness.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { Exchange } from './http/exchange.ts'
import { Listener } from './http/listener.ts'
import { InternalClient } from './internal-client.ts'
import { Kubelets, type KubeletOptions } from './kubelet/kubelets.ts'
import { podLog, podPorts, podStreams } from './kubelet/pod-connections.ts'
import { nodeProxy, podProxy, serviceProxy } from './kubelet/proxies.ts'
import { ObjectStore } from './objects/object-store.ts'
import { Discovery } from './paths/discovery.ts'
import { serveHealth, type HealthCheck } from './paths/health.ts'
import { OpenApi } from './paths/openapi.ts'
import { KEYS_PATH, serveIssuer } from './paths/issuer.ts'
import { serveRoot } from './paths/root.ts'
import { versionInfo } from './paths/version.ts'
import { ensureConfigMaps, ensureDefaults, ensureNamespaces } from './system/bootstrap.ts'
import { CustomResources } from './system/custom-resources.ts'
import { ensureKubernetesService } from './system/kubernetes-service.ts'
import { keepSystemObjects } from './system/keep.ts'
import { namespaceAdmission } from './system/namespace-admission.ts'
import { podAdmission } from './system/pod-admission.ts'
import { keepAllocationsRepaired } from './system/repair-loop.ts'
import { ServerPeers } from './system/server-peers.ts'
import { SignerAdmission } from './system/signer-admission.ts'
import { ServiceAllocation } from './system/service-allocation.ts'
import { ServiceRepair } from './system/service-repair.ts'
import { bindPod } from './subresources/binding.ts'
import { getComponentStatus, listComponentStatuses } from './subresources/component-statuses.ts'
import { evictPod } from './subresources/eviction.ts'
import { finalizeNamespace } from './subresources/finalize.ts'
import { reviewHandlers } from './subresources/reviews.ts'
import { getScale, patchScale, putScale } from './subresources/scale.ts'
import { tokenRequest } from './subresources/token-request.ts'
import type { ServiceAccountTokens } from './tokens/service-account-tokens.ts'
import { Admission } from './verbs/admission.ts'
import type { Call, Serving } from './verbs/call.ts'
import { NamespaceGuard } from './verbs/namespace-guard.ts'
import { Mirror } from './watch/mirror.ts'
import { WatchHub } from './watch/hub.ts'

export type ApiServerOptions = Readonly<{
  store: Store
  /** True when other servers may work on the same store. */
  sharedStore: boolean
  /** In front of every key of the store: "/registry". */
  keyRoot: string
  bindAddress: string
  securePort: number
  advertiseAddress: string
  certificatePem: string
  privateKeyPem: string
  clientCaPem: string | undefined
  serviceAccountTokens: ServiceAccountTokens | undefined
  /** By token. */
  staticTokens: ReadonlyMap<string, UserInfo>
  /** One or two ranges, of one family each; the first is the primary one. */
  serviceRanges: readonly Prefix[]
  nodePortRange: PortRange
  kubelets: KubeletOptions
  limits: FairnessLimits
  /** How old the store's history may grow, and how often it is cut. */
  compactionIntervalMs: number
  clock: Clock
  log: Logger
}>

const RBAC_GROUP = 'rbac.authorization.k8s.io'
const RESYNC_MS = 60_000
/** A definition that goes waits for objects whose finalizers others remove. */
const DEFINITIONS_RESYNC_MS = 5_000
const everyVerb = (handler: (call: Call) => Promise<void>) => ({ get: handler, create: handler, update: handler, patch: handler, delete: handler })

/** Requests still running get this long when the server stops: as long as any of them may take. */
const DRAIN_MS = REQUEST_TIMEOUT_MS

export class ApiServer implements AsyncDisposable {
  readonly port: number
  readonly #undo: AsyncDisposableStack

  static async open(options: ApiServerOptions): Promise<ApiServer> {
    const { store, clock, log } = options
    await using undo = new AsyncDisposableStack()
    const stop = new AbortController()
    const { signal } = stop
    const catalog = new Catalog()
    const objects = new ObjectStore(store, options.keyRoot)
    const hub = new WatchHub({ store, prefix: `${options.keyRoot}/` })
    const following = hub.run({ clock, log, signal })
    const compacting = runCompaction({ store, intervalMs: options.compactionIntervalMs, keepRevisions: KEEP_REVISIONS, clock, log, signal })
    undo.defer(async () => { stop.abort(new DOMException('the server stops', 'AbortError')); await Promise.all([following, compacting]) })

    const allocators = new ServiceAllocators({
      addresses: options.serviceRanges.map(prefix => new AddressAllocator({ family: prefix.family, prefixes: [prefix], random: Math.random })),
      ports: new PortAllocator({ range: options.nodePortRange, random: Math.random }),
    })
    const allocation = new ServiceAllocation({ allocators, objects, catalog, keyRoot: options.keyRoot, shared: options.sharedStore })
    undo.use(allocation.follow(hub))
    await allocation.load(signal)
    const rbac = (plural: string): ApiResource => catalog.builtin(RBAC_GROUP, plural)
    const aggregation = new Doorbell()
    const mirror = async (plural: string, onChange = (): void => undefined): Promise<Mirror> =>
      undo.use(await Mirror.open({ objects, hub, resource: rbac(plural), onChange, signal }))
    const clusterRoles = await mirror('clusterroles', () => aggregation.ring('cluster role changed'))
    const authorizer = new RbacAuthorizer({
      roles: await mirror('roles'), roleBindings: await mirror('rolebindings'), clusterRoles, clusterRoleBindings: await mirror('clusterrolebindings'),
    })
    const admission = new Admission({
      '/services': [allocation], '/pods': [podAdmission({ objects, catalog })], '/namespaces': [namespaceAdmission({ objects, catalog })],
      'certificates.k8s.io/certificatesigningrequests': [new SignerAdmission(authorizer)],
      [`${RBAC_GROUP}/roles`]: [roleEscalation(authorizer, rbac('roles'))],
      [`${RBAC_GROUP}/clusterroles`]: [roleEscalation(authorizer, rbac('clusterroles'))],
      [`${RBAC_GROUP}/rolebindings`]: [bindingEscalation(authorizer, rbac('rolebindings'))],
      [`${RBAC_GROUP}/clusterrolebindings`]: [bindingEscalation(authorizer, rbac('clusterrolebindings'))],
    })
    const serving: Serving = { objects, hub, clock, log, namespaceGuard: new NamespaceGuard(objects, catalog.builtin('', 'namespaces')), admission, authorizer }
    const client = new InternalClient(serving, catalog)
    await ensureNamespaces(client, catalog, signal)
    await ensureDefaults(client, catalog, signal)
    await ensureConfigMaps(client, catalog, { clientCaPem: options.clientCaPem, nowMs: clock.now() }, signal)

    const checks: HealthCheck[] = [
      { name: 'ping', endpoints: ['healthz', 'livez', 'readyz'], problem: () => undefined },
      { name: 'log', endpoints: ['healthz', 'livez', 'readyz'], problem: () => undefined },
      { name: 'etcd', endpoints: ['healthz', 'livez', 'readyz'], problem: async () => { await store.revision({ signal }); return undefined } },
      { name: 'shutdown', endpoints: ['readyz'], problem: () => (signal.aborted ? 'the server stops' : undefined) },
    ]
    const registry = openMetrics()
    const version = versionInfo()
    const discovery = new Discovery({ catalog, serverAddress: formatHostPort(options.advertiseAddress, options.securePort) })
    const openApi = new OpenApi(catalog)
    const servePath = async (exchange: Exchange, path: string): Promise<boolean> => {
      if (path === '/version') {
        exchange.sendJson(200, version)
        return true
      }
      if (path === '/metrics') {
        exchange.send(200, registry.contentType, await registry.metrics())
        return true
      }
      return discovery.serve(exchange, path) || openApi.serve(exchange, path) || serveRoot(exchange, path, { index: catalog.index, checks }) ||
        await serveHealth(exchange, path, checks) ||
        await serveIssuer(exchange, path, { tokens: options.serviceAccountTokens, keysUri: `https://${formatHostPort(options.advertiseAddress, listener.port)}${KEYS_PATH}` })
    }
    const tokens = new BearerTokens({
      staticTokens: options.staticTokens, bootstrap: new BootstrapTokens({ objects, catalog, clock }), serviceAccounts: options.serviceAccountTokens, objects, catalog, clock,
    })
    const kubelets = new Kubelets({ options: options.kubelets, objects, catalog })
    const dispatcher = new Dispatcher({
      serving, catalog, authenticators: [new ClientCertificates(clock), tokens], authorizer, servePath,
      nodeScope: new NodeScope({ objects, pods: catalog.builtin('', 'pods') }),
      fairness: new Fairness(options.limits), metrics: new RequestMetrics(registry),
      subresources: {
        '*/scale': { get: getScale, update: putScale, patch: patchScale },
        '/pods/binding': { create: bindPod(catalog) },
        '/pods/eviction': { create: evictPod(catalog) },
        '/namespaces/finalize': { update: finalizeNamespace },
        '/pods/log': { get: podLog(kubelets) },
        '/pods/exec': { get: podStreams(kubelets, 'exec'), create: podStreams(kubelets, 'exec') },
        '/pods/attach': { get: podStreams(kubelets, 'attach'), create: podStreams(kubelets, 'attach') },
        '/pods/portforward': { get: podPorts(kubelets), create: podPorts(kubelets) },
        '/pods/proxy': everyVerb(podProxy), '/services/proxy': everyVerb(serviceProxy(catalog)), '/nodes/proxy': everyVerb(nodeProxy(kubelets)),
        '/serviceaccounts/token': { create: tokenRequest(options.serviceAccountTokens, catalog) },
      },
      virtual: { ...reviewHandlers({ authorizer, tokens, audiences: options.serviceAccountTokens?.audiences ?? [] }), '/bindings create': bindPod(catalog), '/componentstatuses list': listComponentStatuses, '/componentstatuses get': getComponentStatus },
    })
    const listener = undo.use(await Listener.open({
      bindAddress: options.bindAddress, port: options.securePort, certificatePem: options.certificatePem, privateKeyPem: options.privateKeyPem,
      clientCaPem: options.clientCaPem, handle: (request, response, upgrade) => void dispatcher.handle(request, response, upgrade),
    }))
    undo.defer(async () => {
      listener.stopAccepting()
      for (const exchange of dispatcher.inFlight) if (exchange.longRunning) exchange.abort(new DOMException('the server stops', 'AbortError'))
      const deadline = clock.monotonicMs() + DRAIN_MS
      while (dispatcher.inFlight.size > 0 && clock.monotonicMs() < deadline) await clock.sleep(10, { signal: new AbortController().signal })
    })
    const aggregating = reconcileLoop({
      doorbell: aggregation, pass: () => aggregateRoles(objects, rbac('clusterroles'), clusterRoles.values(), signal), clock, signal,
      resyncIntervalMs: RESYNC_MS, retryMs: failures => backoffMs(RECONNECT_BACKOFF, failures, Math.random()),
      onFailure: (err, failures) => log.warn({ err, failures }, 'cluster roles could not be aggregated'),
    })
    const customResources = new CustomResources({ objects, catalog, clock, log })
    const defining = new Doorbell()
    const definitions = undo.use(await Mirror.open({
      objects, hub, resource: catalog.builtin('apiextensions.k8s.io', 'customresourcedefinitions'), onChange: () => defining.ring('definition changed'), signal,
    }))
    // Before the first request: a restart must not answer 404 for resources that were served before it.
    await customResources.reconcile(definitions.values(), signal)
    const serveDefinitions = reconcileLoop({
      doorbell: defining, pass: () => customResources.reconcile(definitions.values(), signal), clock, signal, resyncIntervalMs: DEFINITIONS_RESYNC_MS,
      retryMs: failures => backoffMs(RECONNECT_BACKOFF, failures, Math.random()), onFailure: (err, failures) => log.warn({ err, failures }, 'custom resources could not be reconciled'),
    })
    const peers = options.sharedStore ? new ServerPeers({ store, keyRoot: options.keyRoot, address: options.advertiseAddress }) : undefined
    if (peers !== undefined) undo.defer(() => peers.leave())
    const system = keepSystemObjects({
      ensure: () => ensureKubernetesService({ client, catalog, allocators, advertiseAddress: options.advertiseAddress, securePort: listener.port, peers }, signal), clock, log, signal,
    })
    const repairing = keepAllocationsRepaired({ repair: new ServiceRepair({ allocators, objects, catalog, clock, shared: options.sharedStore }), client, catalog, clock, log, signal })
    await Promise.all([system.first, repairing.first])
    undo.defer(() => { stop.abort(new DOMException('the server stops', 'AbortError')); return Promise.all([system.ended, repairing.ended, aggregating, serveDefinitions]).then(() => undefined) })
    return new ApiServer(listener.port, undo.move())
  }

  private constructor(port: number, undo: AsyncDisposableStack) {
    this.port = port
    this.#undo = undo
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync()
  }
}
