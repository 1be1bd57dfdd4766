// GET, PUT and PATCH of ‹workload›/‹name›/scale (autoscaling/v1 Scale): one number of a bigger object.

import { cloneJson, isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { formatLabelSelector, labelSelectorFromMap, labelSelectorOf } from '../../api/selectors/label-selector.ts'
import { invalid } from '../../api/status/field-error.ts'
import { invalidObject, notFoundObject } from '../../api/status/status.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { Call } from '../verbs/call.ts'
import { applyPatch } from '../verbs/patch.ts'
import { updateObject } from '../verbs/update.ts'
import { parseWriteOptions } from '../verbs/write-options.ts'

const KIND = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const

export async function getScale({ serving, exchange, request, resource, negotiated }: Call): Promise<void> {
  const stored = await serving.objects.read(resource, request, { signal: exchange.signal })
  if (stored === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, scaleOf(stored.object))
}

export async function putScale(call: Call): Promise<void> {
  const { exchange } = call
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], KIND)
  await writeScale(call, () => body)
}

export async function patchScale(call: Call): Promise<void> {
  const { exchange } = call
  const body = await exchange.readBody()
  await writeScale(call, scale => applyPatch(KIND, exchange.headers['content-type'], body, scale))
}

async function writeScale(call: Call, change: (scale: ApiObject) => Draft): Promise<void> {
  const { exchange, request, negotiated, resource } = call
  const options = parseWriteOptions(exchange.query, exchange.headers, 'UpdateOptions')
  const whole: Call = { ...call, request: { ...request, subresource: '' } }
  const outcome = await updateObject(whole, options, old => {
    const asked = change(scaleOf(old))
    const replicas = (asked['spec'] as { replicas?: unknown } | undefined)?.replicas ?? 0
    if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) throw invalidObject(KIND, request.name, [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')])
    const next = cloneJson(old)
    delete next.metadata.resourceVersion
    if ((asked.metadata.resourceVersion ?? '') !== '' && asked.metadata.resourceVersion !== undefined) next.metadata.resourceVersion = asked.metadata.resourceVersion
    if ((asked.metadata.uid ?? '') !== '') next.metadata.uid = asked.metadata.uid!
    next['spec'] = { ...(next['spec'] as object), replicas }
    return next
  })
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, scaleOf(outcome.object))
}

/** The Scale view of an object. A patch of it that says nothing of resourceVersion must not be held to one. */
export function scaleOf(object: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const spec = (object['spec'] ?? {}) as { replicas?: number; selector?: unknown }
  const status = (object['status'] ?? {}) as { replicas?: number }
  return {
    kind: KIND.kind, apiVersion: 'autoscaling/v1',
    metadata: { name: name!, ...(namespace === undefined ? {} : { namespace }), uid: uid!, resourceVersion: resourceVersion!, creationTimestamp: creationTimestamp ?? null },
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status.replicas ?? 0, ...selectorText(spec.selector) },
  }
}

/** ReplicationControllers have a plain map, the others a LabelSelector. */
function selectorText(selector: unknown): { selector?: string } {
  if (!isPlainObject(selector)) return {}
  const structured = 'matchLabels' in selector || 'matchExpressions' in selector
  const parsed = structured ? labelSelectorOf(selector) : labelSelectorFromMap(selector as Record<string, string>)
  return parsed === undefined ? {} : { selector: formatLabelSelector(parsed) }
}
