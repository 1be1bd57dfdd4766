// POST pods/‹name›/binding, and POST bindings: puts a pod on a node.

import { cloneJson, formatTime, isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { required } from '../../api/status/field-error.ts'
import { badRequest, conflict, invalidObject, notFoundObject } from '../../api/status/status.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { Catalog } from '../catalog.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { UpdatePlan } from '../objects/object-store.ts'
import type { Call } from '../verbs/call.ts'
import { parseWriteOptions } from '../verbs/write-options.ts'

const KIND = { group: '', version: 'v1', kind: 'Binding' } as const
/** What messages call it. */
const POD_BINDINGS = { group: '', plural: 'pods/binding' } as const

export const bindPod = (catalog: Catalog) => async (call: Call): Promise<void> => {
  const { serving, exchange, request, negotiated } = call
  const options = parseWriteOptions(exchange.query, exchange.headers)
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], KIND)
  const name = request.name === '' ? body.metadata.name ?? '' : request.name
  if (request.name !== '' && (body.metadata.name ?? '') !== '' && body.metadata.name !== request.name) throw badRequest('name in URL does not match name in Binding object')
  const target = isPlainObject(body['target']) ? body['target'] : {}
  const node = String(target['name'] ?? '')
  if (node === '') throw invalidObject(KIND, name, [required('target.name')])
  const pods: ApiResource = catalog.builtin('', 'pods')
  const plan = (old: ApiObject): UpdatePlan => ({ kind: 'put', object: bound(old, body, node, serving.clock.now()) })
  if (options.dryRun) {
    const stored = await serving.objects.read(pods, { namespace: request.namespace, name }, { signal: exchange.signal })
    if (stored === undefined) throw notFoundObject(pods, name)
    plan(stored.object)
  } else {
    const outcome = await serving.objects.update(pods, { namespace: request.namespace, name }, plan, { signal: exchange.signal })
    if (outcome === undefined) throw notFoundObject(pods, name)
  }
  sendValue(exchange, 201, negotiated.format, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

/** Throws 409 when the pod cannot be bound any more. */
function bound(old: ApiObject, binding: Draft, node: string, nowMs: number): ApiObject {
  const name = old.metadata.name!
  const { uid, resourceVersion } = binding.metadata
  if ((uid ?? '') !== '' && uid !== old.metadata.uid) throw conflict(POD_BINDINGS, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  if ((resourceVersion ?? '') !== '' && resourceVersion !== old.metadata.resourceVersion) throw conflict(POD_BINDINGS, name, 'the object has been modified; please apply your changes to the latest version and try again')
  if (old.metadata.deletionTimestamp !== undefined) throw conflict(POD_BINDINGS, name, `pod ${name} is being deleted, cannot be assigned to a host`)
  const present = (old['spec'] as { nodeName?: string } | undefined)?.nodeName ?? ''
  if (present !== '') throw conflict(POD_BINDINGS, name, `pod ${name} is already assigned to node ${JSON.stringify(present)}`)
  const next = cloneJson(old)
  next['spec'] = { ...(next['spec'] as object), nodeName: node }
  if (binding.metadata.annotations !== undefined) next.metadata.annotations = { ...next.metadata.annotations, ...binding.metadata.annotations }
  const status = (next['status'] ?? {}) as { conditions?: { type: string }[] }
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: formatTime(nowMs) }
  next['status'] = { ...status, conditions: [...(status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled'), scheduled] }
  return next
}
