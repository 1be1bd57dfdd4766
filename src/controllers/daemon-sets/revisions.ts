// The history of a DaemonSet's templates: what `kubectl rollout history` and `undo` read. Pure.

import type { ControllerRevision, DaemonSet } from 'kubernetes-types/apps/v1.js'
import { equalJson } from '../../api/object.ts'
import type { Stored } from '../../client/objects.ts'
import { templateHash } from '../deployments/template-hash.ts'
import { controllerReference } from '../owned.ts'
import { REVISION_HASH_LABEL } from './plan-daemons.ts'

/** A strategic merge patch that brings the template back: `undo` applies it as it is. */
const patchOf = (set: DaemonSet): object => ({ spec: { template: { ...set.spec?.template, $patch: 'replace' } } })

export type RevisionPlan = Readonly<{
  /** Label value of the pods of the current template. */
  hash: string
  create: ControllerRevision | undefined
  /** The revision of the current template, with a new number when it was taken up again. */
  renumber: Stored<ControllerRevision> | undefined
  delete: readonly Stored<ControllerRevision>[]
}>

/** `inUse` are the hashes that pods still carry. */
export function planRevisions(set: Stored<DaemonSet>, revisions: readonly Stored<ControllerRevision>[], inUse: ReadonlySet<string>): RevisionPlan {
  const data = patchOf(set)
  const newest = Math.max(0, ...revisions.map(({ revision }) => revision))
  const current = [...revisions].sort((a, b) => b.revision - a.revision).find(revision => equalJson(revision.data, data))
  const hash = current === undefined ? templateHash(set.spec?.template ?? {}, set.status?.collisionCount ?? 0) : current.metadata.labels?.[REVISION_HASH_LABEL] ?? ''
  const old = revisions.filter(revision => revision !== current).sort((a, b) => a.revision - b.revision)
  const limit = set.spec?.revisionHistoryLimit ?? 10
  const idle = old.filter(revision => !inUse.has(revision.metadata.labels?.[REVISION_HASH_LABEL] ?? ''))
  return {
    hash,
    create: current !== undefined ? undefined : {
      metadata: {
        name: `${set.metadata.name}-${hash}`, namespace: set.metadata.namespace!,
        labels: { ...set.spec?.template.metadata?.labels, [REVISION_HASH_LABEL]: hash },
        ...(set.metadata.annotations !== undefined && { annotations: withoutApplied(set.metadata.annotations) }),
        ownerReferences: [controllerReference(set, 'apps/v1', 'DaemonSet')],
      },
      data, revision: newest + 1,
    },
    renumber: current !== undefined && current.revision < newest ? { ...current, revision: newest + 1 } : undefined,
    delete: idle.slice(0, Math.max(0, old.length - limit)),
  }
}

function withoutApplied(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const { ['kubectl.kubernetes.io/last-applied-configuration']: _applied, ...kept } = annotations
  return kept
}
