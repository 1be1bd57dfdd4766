// One metadata-only watch per deletable resource, following what the server serves as CRDs come and go.

import { discoverResources, type ServedResource } from '../../client/discovery.ts'
import { startInformer, type Informer } from '../../client/informer/informer.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import type { Cacheable, KubeObject, Stored } from '../../client/objects.ts'
import { resourceName } from '../../client/resources.ts'
import type { ControllerContext } from '../controller.ts'
import type { GraphObject } from './graph.ts'

/** What is kept of every object in the cluster: as little as possible. */
export type MonitoredObject = Cacheable & { graph: GraphObject }

type Monitor = Readonly<{ resource: ServedResource; informer: Informer<MonitoredObject>; stop: AbortController }>

/** Upstream asks every 30 s for new resources. */
export const DISCOVERY_INTERVAL_MS = 30_000

/** Events own nothing and are owned by nothing, and there are very many. */
const IGNORED: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io'])

export class Monitors {
  readonly #context: ControllerContext
  readonly #onChange: (change: Change<MonitoredObject>) => void
  readonly #monitors = new Map<string, Monitor>()
  /** "apiVersion kind" of everything served, to resolve owner references. */
  #kinds = new Map<string, ServedResource>()

  constructor(context: ControllerContext, onChange: (change: Change<MonitoredObject>) => void) {
    this.#context = context
    this.#onChange = onChange
  }

  /** The resource an owner reference names. Its version may be one that is not preferred: group and kind decide. */
  resolve(apiVersion: string, kind: string): ServedResource | undefined {
    return this.#kinds.get(`${groupOf(apiVersion)} ${kind}`)
  }

  /** Asks the server what it serves; starts and stops watches accordingly. Kept as it is where a group did not answer. */
  async refresh(): Promise<void> {
    const { client, signal } = this.#context
    const discovery = await discoverResources(client, { signal })
    const served = discovery.resources.filter(resource => resource.kind !== '' && resource.verbs.has('get'))
    const silent = new Set(discovery.failures.map(({ groupVersion }) => groupOf(groupVersion)))
    const kept = [...this.#kinds].filter(([, resource]) => silent.has(resource.group))
    this.#kinds = new Map([...kept, ...served.map((resource): [string, ServedResource] => [`${resource.group} ${resource.kind}`, resource])])
    const wanted = new Map(served.filter(isCollectable).map(resource => [resourceName(resource), resource]))
    for (const [name, monitor] of this.#monitors) {
      if (wanted.has(name) || silent.has(monitor.resource.group)) continue
      monitor.stop.abort(new DOMException(`${name} is served no more`, 'AbortError'))
      this.#monitors.delete(name)
    }
    for (const [name, resource] of wanted) if (!this.#monitors.has(name)) this.#monitors.set(name, this.#start(resource))
  }

  /** Resolves when every watch that runs now has its list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map(({ informer }) => informer.synced))
  }

  async close(): Promise<void> {
    for (const { stop } of this.#monitors.values()) stop.abort(new DOMException('the collector has ended', 'AbortError'))
    await Promise.all([...this.#monitors.values()].map(({ informer }) => informer.stopped))
  }

  #start(resource: ServedResource): Monitor {
    const { client, log, clock, signal } = this.#context
    const stop = new AbortController()
    const follow = (): void => stop.abort(signal.reason)
    signal.addEventListener('abort', follow, { once: true })
    const informer = startInformer({ client, log, clock, resource: { ...resource, metadataOnly: true }, transform: object => monitored(resource, object), signal: stop.signal })
    void informer.stopped.then(() => signal.removeEventListener('abort', follow))
    informer.onChange(this.#onChange)
    return { resource, informer, stop }
  }
}

const isCollectable = (resource: ServedResource): boolean =>
  ['list', 'watch', 'delete'].every(verb => resource.verbs.has(verb)) && !IGNORED.has(resourceName(resource))

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '')

const NONE: readonly never[] = []

function monitored(resource: ServedResource, { metadata }: Stored<KubeObject>): MonitoredObject {
  const { name, namespace = '', uid, resourceVersion } = metadata
  return {
    metadata: { name, namespace, uid, resourceVersion },
    graph: {
      uid, resource, name, namespace, resourceVersion,
      owners: metadata.ownerReferences ?? NONE,
      terminating: metadata.deletionTimestamp !== undefined,
      finalizers: metadata.finalizers ?? NONE,
    },
  }
}
