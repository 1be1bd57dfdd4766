// What a new pod gets besides its kind's defaults: a service account that exists, its token, tolerations of a failed
// node, and the number behind its priority class. Plug-ins ServiceAccount, DefaultTolerationSeconds and Priority upstream.

import type { PodSpec } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject, Draft } from '../../api/object.ts'
import { forbiddenRequest } from '../../api/status/status.ts'
import { addFailureTolerations, DEFAULT_SERVICE_ACCOUNT, MIRROR_ANNOTATION, mountServiceAccountToken } from '../../api/strategies/pod/admission.ts'
import { NO_PARTS } from '../objects/object-store.ts'
import type { AdmissionContext, AdmissionParts, AdmissionPlugin } from '../verbs/admission.ts'

const PODS = { group: '', plural: 'pods' } as const

export const podAdmission = (parts: AdmissionParts): AdmissionPlugin => ({
  create: async (draft, context) => {
    const spec = draft['spec'] as PodSpec
    const mirror = draft.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined
    if (!mirror) await addServiceAccount(parts, draft, spec, context)
    addFailureTolerations(spec)
    await addPriority(parts, draft, spec, context)
    return NO_PARTS
  },
})

async function addServiceAccount({ objects, catalog }: AdmissionParts, draft: Draft, spec: PodSpec, context: AdmissionContext): Promise<void> {
  const name = spec.serviceAccountName || spec.serviceAccount || DEFAULT_SERVICE_ACCOUNT
  spec.serviceAccountName = name
  spec.serviceAccount = name
  const namespace = draft.metadata.namespace!
  const account = await objects.read(catalog.builtin('', 'serviceaccounts'), { namespace, name }, context)
  if (account === undefined) {
    throw forbiddenRequest(PODS, draft.metadata.name ?? '', `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`)
  }
  if ((spec.imagePullSecrets ?? []).length === 0) {
    const secrets = account.object['imagePullSecrets'] as PodSpec['imagePullSecrets'] | undefined
    if (secrets !== undefined && secrets.length > 0) spec.imagePullSecrets = [...secrets]
  }
  const automount = spec.automountServiceAccountToken ?? (account.object['automountServiceAccountToken'] as boolean | undefined) ?? true
  if (automount) mountServiceAccountToken(spec, context.suffix())
}

async function addPriority({ objects, catalog }: AdmissionParts, draft: Draft, spec: PodSpec, context: AdmissionContext): Promise<void> {
  const name = spec.priorityClassName ?? ''
  let value = 0
  let policy = 'PreemptLowerPriority'
  if (name !== '') {
    const found = await objects.read(catalog.builtin('scheduling.k8s.io', 'priorityclasses'), { namespace: '', name }, context)
    if (found === undefined) throw forbiddenRequest(PODS, draft.metadata.name ?? '', `no PriorityClass with name ${name} was found`)
    const { value: classValue, preemptionPolicy } = found.object as ApiObject & { value?: number; preemptionPolicy?: string }
    value = classValue ?? 0
    policy = preemptionPolicy ?? policy
  }
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbiddenRequest(PODS, draft.metadata.name ?? '', `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`)
  }
  spec.priority = value
  spec.preemptionPolicy ??= policy
}
