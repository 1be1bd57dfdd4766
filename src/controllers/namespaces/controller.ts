// Empties namespaces that are being deleted, then lets them go
// (API server specification 9.7; kube-controller-manager's namespace-controller).

import type { Namespace } from 'kubernetes-types/core/v1.js'
import { formatTime } from '../../api/object.ts'
import { discoverResources, type ServedResource } from '../../client/discovery.ts'
import { ApiError, isConflict, isNotFound } from '../../client/errors.ts'
import type { KubeObject, Stored } from '../../client/objects.ts'
import { NAMESPACES, PODS, resourceName, type Resource } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { planConditions, type DeletionProgress } from './plan-conditions.ts'

/** The finalizer in `spec.finalizers` that is ours to take away. */
const FINALIZER = 'kubernetes'
/** Upstream looks again after 15 s; most content is gone sooner, so we begin with a short wait. */
const RECHECK_MS = { first: 250, most: 15_000 } as const
/** We chose: types emptied at a time, so that one namespace does not take all of the server. */
const PARALLEL = 8

export const namespaceController = (): Controller => ({ name: 'namespace-controller', run: context => new NamespaceDeletion(context).run() })

class NamespaceDeletion {
  readonly #context: ControllerContext
  readonly #queue: WorkQueue
  readonly #namespaces
  /** How long to wait before the next look, by namespace: doubles while content remains. */
  readonly #waits = new Map<string, number>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context)
    this.#namespaces = context.informers.of(NAMESPACES)
  }

  async run(): Promise<void> {
    const pods = this.#context.informers.of(PODS)
    const stop = [
      this.#namespaces.onChange(change => {
        if (change.type === 'deleted') this.#waits.delete(change.key)
        else if (isTerminating(change.object)) this.#queue.add(change.key)
      }),
      // Pods take longest to go: the last one's end is the moment to look again.
      pods.onChange(change => {
        const namespace = change.object.metadata.namespace ?? ''
        if (change.type === 'deleted' && this.#waits.has(namespace)) this.#queue.addAfter(namespace, RECHECK_MS.first)
      }),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#namespaces, pods]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: 5, work: (name, signal) => this.#delete(name, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#context
    let namespace: Stored<Namespace>
    try {
      // Read from the server: emptying is not begun on the word of a cache.
      namespace = await client.get(NAMESPACES, { name }, { signal })
    } catch (error) {
      if (isNotFound(error)) return
      throw error
    }
    if (!isTerminating(namespace) || !(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return
    const progress = await this.#empty(name, signal)
    const done = progress.discoveryFailures.length + progress.contentFailures.length + progress.remaining.size === 0
    const updated = await this.#report(namespace, progress, signal)
    if (!done) {
      const wait = this.#waits.get(name) ?? RECHECK_MS.first
      this.#waits.set(name, Math.min(wait * 2, RECHECK_MS.most))
      this.#queue.addAfter(name, wait)
      return
    }
    this.#waits.delete(name)
    const finalizers = (updated.spec?.finalizers ?? []).filter(finalizer => finalizer !== FINALIZER)
    try {
      await client.update(NAMESPACES, { ...updated, spec: { ...updated.spec, finalizers } }, { signal, subresource: 'finalize' })
    } catch (error) {
      if (!isNotFound(error)) throw error
      return
    }
    log.info({ namespace: name }, 'namespace is empty and released')
  }

  /** Deletes all there is, and says what is left. */
  async #empty(namespace: string, signal: AbortSignal): Promise<DeletionProgress> {
    const { client } = this.#context
    const discovery = await discoverResources(client, { signal })
    const progress = {
      discoveryFailures: discovery.failures.map(failure => `${failure.groupVersion}: ${failure.message}`),
      contentFailures: [] as string[],
      remaining: new Map<string, number>(),
      finalizers: new Map<string, number>(),
    }
    const served = discovery.resources.filter(resource => resource.namespaced && resource.verbs.has('list') && resource.verbs.has('delete'))
    // Pods first: what they run should end before the things it uses.
    const [pods, others] = [served.filter(isPods), served.filter(resource => !isPods(resource))]
    for (const batch of [pods, ...chunks(others, PARALLEL)]) {
      await Promise.all(batch.map(async resource => {
        try {
          await this.#emptyType(resource, namespace, progress, signal)
        } catch (error) {
          if (!(error instanceof ApiError)) throw error
          progress.contentFailures.push(`unexpected items still remain in namespace: ${namespace} for gvr: ${resource.group}/${resource.version}, Resource=${resource.plural}: ${error.message}`)
        }
      }))
    }
    return progress
  }

  async #emptyType(resource: ServedResource, namespace: string, progress: { remaining: Map<string, number>; finalizers: Map<string, number> }, signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    const metadata: Resource = { ...resource, metadataOnly: true }
    const list = async () => (await client.listAll(metadata, { namespace, signal })).items
    let items = await list().catch(ignoreMissing)
    if (items.length === 0) return
    const unasked = items.some(item => item.metadata.deletionTimestamp === undefined)
    if (unasked) await this.#deleteAll(resource, namespace, items, signal)
    items = await list().catch(ignoreMissing)
    if (items.length === 0) return
    progress.remaining.set(resource.group === '' ? `${resource.plural}.` : resourceName(resource), items.length)
    for (const finalizer of items.flatMap(item => item.metadata.finalizers ?? [])) progress.finalizers.set(finalizer, (progress.finalizers.get(finalizer) ?? 0) + 1)
  }

  async #deleteAll(resource: ServedResource, namespace: string, items: readonly Stored<KubeObject>[], signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    if (resource.verbs.has('deletecollection')) {
      try {
        return await client.deleteCollection(resource, { namespace }, { signal, propagationPolicy: 'Background' })
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status !== 405 && error.status !== 404)) throw error
      }
    }
    for (const item of items) {
      await client.delete(resource, item.metadata, { signal, propagationPolicy: 'Background' }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
  }

  async #report(namespace: Stored<Namespace>, progress: DeletionProgress, signal: AbortSignal): Promise<Stored<Namespace>> {
    const { client, clock } = this.#context
    const conditions = planConditions(namespace.status?.conditions ?? [], progress, formatTime(clock.now()))
    if (conditions === undefined) return namespace
    try {
      return await client.update(NAMESPACES, { ...namespace, status: { ...namespace.status, conditions } }, { signal, subresource: 'status' })
    } catch (error) {
      // Somebody wrote in between: what we know is told the next time.
      if (isConflict(error) || isNotFound(error)) return namespace
      throw error
    }
  }
}

const isTerminating = (namespace: Stored<Namespace>): boolean => namespace.metadata.deletionTimestamp !== undefined

const isPods = (resource: Resource): boolean => resource.group === '' && resource.plural === 'pods'

/** A type that vanished between discovery and now (a deleted CRD) has nothing left. */
function ignoreMissing(error: unknown): Stored<KubeObject>[] {
  if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return []
  throw error
}

const chunks = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
