// Rolls out the templates of Deployments through replica sets (kube-controller-manager's deployment-controller).

import type { Deployment, ReplicaSet } from 'kubernetes-types/apps/v1.js'
import type { Pod } from 'kubernetes-types/core/v1.js'
import { cloneJson, equalJson, formatTime } from '../../api/object.ts'
import { labelSelectorOf } from '../../api/selectors/label-selector.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../client/errors.ts'
import type { Change } from '../../client/informer/object-cache.ts'
import { controllerOf, keyOf, refKey, type Stored } from '../../client/objects.ts'
import { OwnWrites } from '../../client/own-writes.ts'
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { writeClaim } from '../claim-writer.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { isFinished } from '../endpoint-slices/pods.ts'
import { controllerReference, planClaim } from '../owned.ts'
import { BY_CONTROLLER, BY_NAMESPACE, orphansOf } from '../shared-informers.ts'
import { boundsOf, planRecreate, planRollingUpdate, planScale, type Replicas, type ScalePlan } from './plan-rollout.ts'
import { isComplete, planStatus, untilDeadline } from './plan-status.ts'
import { REVISION_ANNOTATION, currentAnnotations, revisionOf, scaleAnnotations, surplusHistory, totalWhenScaled } from './revisions.ts'
import { TEMPLATE_HASH_LABEL, sameTemplate, templateHash, withoutHash } from './template-hash.ts'

export const deploymentController = (options: Readonly<{ concurrentSyncs: number }> = { concurrentSyncs: 5 }): Controller => ({
  name: 'deployment-controller', run: context => new Deployments(context, options.concurrentSyncs).run(),
})

/** A Deployment and its sets: the one that runs its template, if there is one yet, and the others. */
type Rollout = { deployment: Stored<Deployment>; current: Stored<ReplicaSet> | undefined; old: Stored<ReplicaSet>[] }

class Deployments {
  readonly #context: ControllerContext
  readonly #concurrency: number
  readonly #queue: WorkQueue
  readonly #deployments
  readonly #sets
  readonly #pods
  readonly #ownWrites: OwnWrites<Stored<ReplicaSet>>

  constructor(context: ControllerContext, concurrency: number) {
    this.#context = context
    this.#concurrency = concurrency
    this.#queue = new WorkQueue(context)
    this.#deployments = context.informers.of(DEPLOYMENTS)
    this.#sets = context.informers.of(REPLICA_SETS)
    this.#pods = context.informers.of(PODS)
    this.#ownWrites = new OwnWrites(context.clock)
  }

  async run(): Promise<void> {
    const stop = [
      this.#deployments.onChange(change => this.#queue.add(change.key)),
      this.#sets.onChange(change => this.#setChanged(change)),
      // Only Recreate waits for pods themselves; all else is in the sets' status.
      this.#pods.onChange(change => change.type === 'deleted' && this.#podDeleted(change.object)),
    ]
    try {
      if (!(await allSynced(this.#context, [this.#deployments, this.#sets, this.#pods]))) return
      await processQueue(this.#context, { queue: this.#queue, concurrency: this.#concurrency, work: (key, signal) => this.#sync(key, signal) })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      this.#queue.close()
    }
  }

  #setChanged(change: Change<Stored<ReplicaSet>>): void {
    this.#ownWrites.observe(change)
    for (const set of change.type === 'modified' ? [change.previous, change.object] : [change.object]) {
      const controller = controllerOf(set)
      if (controller?.kind === 'Deployment') this.#queue.add(refKey({ namespace: set.metadata.namespace, name: controller.name }))
      else if (controller === undefined && change.type !== 'deleted') {
        for (const deployment of this.#deployments.cache.byIndex(BY_NAMESPACE, set.metadata.namespace ?? '')) {
          if (planClaim(deployment, labelSelectorOf(deployment.spec?.selector), [set]).adopt.length > 0) this.#queue.add(keyOf(deployment))
        }
      }
    }
  }

  #podDeleted(pod: Stored<Pod>): void {
    const owner = controllerOf(pod)
    if (owner?.kind !== 'ReplicaSet') return
    const { namespace } = pod.metadata
    const set = this.#sets.cache.get(refKey({ namespace, name: owner.name }))
    const controller = set && controllerOf(set)
    if (controller?.kind === 'Deployment') this.#queue.add(refKey({ namespace, name: controller.name }))
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const deployment = this.#deployments.cache.get(key)
    if (deployment === undefined) return
    const rollout = await this.#open(deployment, signal)
    if (deployment.metadata.deletionTimestamp === undefined) await this.#advance(rollout, signal)
    await this.#report(rollout, signal)
  }

  async #open(deployment: Stored<Deployment>, signal: AbortSignal): Promise<Rollout> {
    const uid = deployment.metadata.uid
    const own = this.#ownWrites.over(this.#sets.cache.byIndex(BY_CONTROLLER, uid), set => controllerOf(set)?.uid === uid)
    const orphans = this.#sets.cache.byIndex(BY_CONTROLLER, orphansOf(deployment.metadata.namespace))
    const claim = planClaim(deployment, labelSelectorOf(deployment.spec?.selector), [...own, ...orphans])
    const sets = await writeClaim(this.#context.client, { resource: DEPLOYMENTS, object: deployment }, claim, REPLICA_SETS, { signal })
    // Of several with the template the oldest is it, so that everybody picks the same one.
    const matching = sets.filter(set => sameTemplate(set.spec?.template, deployment.spec?.template)).sort(byAge)
    return { deployment, current: matching[0], old: sets.filter(set => set !== matching[0]) }
  }

  async #advance(rollout: Rollout, signal: AbortSignal): Promise<void> {
    const { deployment } = rollout
    const bounds = boundsOf(deployment)
    const paused = deployment.spec?.paused === true
    const newest = rollout.current ?? [...rollout.old].sort((a, b) => revisionOf(b) - revisionOf(a))[0]
    const all = [...(rollout.current === undefined ? [] : [rollout.current]), ...rollout.old].map(set => this.#replicas(set))
    const scaled = planScale(bounds, all, paused ? { newest: newest && this.#replicas(newest) } : undefined)
    if (scaled !== undefined) return this.#scale(rollout, scaled, signal, 'note the total everywhere')
    if (paused) return
    const recreate = deployment.spec?.strategy?.type === 'Recreate'
    if (recreate && rollout.old.some(set => (set.spec?.replicas ?? 0) > 0 || this.#replicas(set).existing > 0)) {
      return this.#scale(rollout, planRecreate(bounds, undefined, rollout.old.map(set => this.#replicas(set))), signal)
    }
    await this.#ensureCurrent(rollout, signal)
    if (rollout.current === undefined) return
    const plan = (recreate ? planRecreate : planRollingUpdate)(bounds, this.#replicas(rollout.current), rollout.old.map(set => this.#replicas(set)))
    await this.#scale(rollout, plan, signal)
  }

  #replicas(set: Stored<ReplicaSet>): Replicas {
    return {
      key: keyOf(set), desired: set.spec?.replicas ?? 1, available: set.status?.availableReplicas ?? 0, created: set.metadata.creationTimestamp,
      existing: this.#pods.cache.byIndex(BY_CONTROLLER, set.metadata.uid).filter(pod => !isFinished(pod)).length, totalWhenScaled: totalWhenScaled(set),
    }
  }

  /** The set of the current template exists and carries the newest revision. */
  async #ensureCurrent(rollout: Rollout, signal: AbortSignal): Promise<void> {
    const { client } = this.#context
    const { deployment } = rollout
    const revision = Math.max(0, ...rollout.old.map(revisionOf)) + 1
    if (rollout.current === undefined) {
      rollout.current = await this.#createSet(rollout, revision, signal)
    } else {
      const annotations = currentAnnotations(deployment, rollout.current, revision)
      const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
      if (!equalJson(annotations, rollout.current.metadata.annotations ?? {}) || (rollout.current.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
        rollout.current = await this.#writeSet({ ...rollout.current, metadata: { ...rollout.current.metadata, annotations }, spec: { ...rollout.current.spec!, minReadySeconds } }, signal)
      }
    }
    const known = rollout.current?.metadata.annotations?.[REVISION_ANNOTATION]
    if (known !== undefined && deployment.metadata.annotations?.[REVISION_ANNOTATION] !== known) {
      rollout.deployment = await client.patch(DEPLOYMENTS, deployment.metadata, { type: 'merge', body: { metadata: { uid: deployment.metadata.uid, annotations: { [REVISION_ANNOTATION]: known } } } }, { signal })
    }
  }

  async #createSet(rollout: Rollout, revision: number, signal: AbortSignal): Promise<Stored<ReplicaSet> | undefined> {
    const { client, events } = this.#context
    const { deployment } = rollout
    const bounds = boundsOf(deployment)
    const template = cloneJson(withoutHash(deployment.spec?.template))
    const hash = templateHash(template, deployment.status?.collisionCount ?? 0)
    const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash }
    const running = rollout.old.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0)
    const replicas = deployment.spec?.strategy?.type === 'Recreate' ? bounds.total : Math.max(0, Math.min(bounds.total, bounds.total + bounds.surge - running))
    const set: ReplicaSet = {
      metadata: {
        name: `${deployment.metadata.name}-${hash}`, namespace: deployment.metadata.namespace!, labels,
        annotations: { ...currentAnnotations(deployment, undefined, revision), ...scaleAnnotations(bounds.total, bounds.surge) },
        ownerReferences: [controllerReference(deployment, 'apps/v1', 'Deployment')],
      },
      spec: {
        replicas, minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
        selector: { ...deployment.spec?.selector, matchLabels: { ...deployment.spec?.selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    }
    try {
      const made = await client.create(REPLICA_SETS, set, { signal })
      this.#ownWrites.wrote(made)
      events.about(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message: `Scaled up replica set ${made.metadata.name} from 0 to ${replicas}` })
      return made
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      return await this.#nameTaken(rollout, set.metadata!.name!, signal)
    }
  }

  /** Ours but not in the cache yet, or somebody else's: then another hash is tried, and the count remembered. */
  async #nameTaken(rollout: Rollout, name: string, signal: AbortSignal): Promise<Stored<ReplicaSet> | undefined> {
    const { client } = this.#context
    const { deployment } = rollout
    const taken = await client.get(REPLICA_SETS, { name, namespace: deployment.metadata.namespace }, { signal })
    if (controllerOf(taken)?.uid === deployment.metadata.uid && sameTemplate(taken.spec?.template, deployment.spec?.template)) {
      this.#ownWrites.wrote(taken)
      return taken
    }
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    await client.update(DEPLOYMENTS, { ...deployment, status: { ...deployment.status, collisionCount } }, { signal, subresource: 'status' })
    return undefined
  }

  async #scale(rollout: Rollout, plan: ScalePlan, signal: AbortSignal, note?: 'note the total everywhere'): Promise<void> {
    const { deployment } = rollout
    const bounds = boundsOf(deployment)
    const marks = scaleAnnotations(bounds.total, bounds.surge)
    const apply = async (set: Stored<ReplicaSet>): Promise<Stored<ReplicaSet>> => {
      const before = set.spec?.replicas ?? 1
      const replicas = plan.get(keyOf(set)) ?? before
      const annotations = { ...set.metadata.annotations, ...marks }
      // After `kubectl scale` every set that runs pods takes note of the new total, or it would be seen as changed for ever.
      const noted = note !== undefined && replicas + before > 0 && !equalJson(annotations, set.metadata.annotations)
      if (replicas === before && !noted) return set
      const written = await this.#writeSet({ ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec!, replicas } }, signal)
      if (replicas !== before) {
        this.#context.events.about(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message: `Scaled ${replicas > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}` })
      }
      return written
    }
    if (rollout.current !== undefined) rollout.current = await apply(rollout.current)
    for (const [index, set] of rollout.old.entries()) rollout.old[index] = await apply(set)
  }

  async #writeSet(set: Stored<ReplicaSet>, signal: AbortSignal): Promise<Stored<ReplicaSet>> {
    try {
      const written = await this.#context.client.update(REPLICA_SETS, set, { signal })
      this.#ownWrites.wrote(written)
      return written
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) this.#ownWrites.forget(keyOf(set))
      throw error
    }
  }

  async #report(rollout: Rollout, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#context
    const { deployment, current, old } = rollout
    const nowMs = clock.now()
    const status = planStatus({ deployment, current, old, collisions: deployment.status?.collisionCount ?? 0, now: formatTime(nowMs), nowMs })
    const wait = untilDeadline(deployment, status, nowMs)
    if (wait !== undefined) this.#queue.addAfter(keyOf(deployment), wait)
    if (!equalJson(status, withZeros(deployment.status))) {
      try {
        await client.update(DEPLOYMENTS, { ...deployment, status }, { signal, subresource: 'status' })
      } catch (error) {
        if (!isNotFound(error)) throw error
        return
      }
    }
    if (!isComplete(deployment, status)) return
    for (const set of surplusHistory(deployment, old)) {
      await client.delete(REPLICA_SETS, set.metadata, { signal, preconditions: { uid: set.metadata.uid } }).catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error
      })
      this.#ownWrites.deleted(set)
    }
  }
}

/** The server leaves zero counts out. */
const withZeros = (status: Deployment['status']) => ({
  observedGeneration: 0, replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 0, ...status,
})

const byAge = (a: Stored<ReplicaSet>, b: Stored<ReplicaSet>): number =>
  a.metadata.creationTimestamp === b.metadata.creationTimestamp ? (a.metadata.name < b.metadata.name ? -1 : 1) : a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1
