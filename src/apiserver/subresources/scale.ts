// GET, PUT and PATCH of ‹workload›/‹name›/scale (autoscaling/v1 Scale): one number of a bigger object.

import { cloneJson, isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { readPath, writePath } from '../../api/custom-resources/definition.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { formatLabelSelector, labelSelectorFromMap, labelSelectorOf } from '../../api/selectors/label-selector.ts'
import { invalid } from '../../api/status/field-error.ts'
import { invalidObject, notFoundObject } from '../../api/status/status.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { Call } from '../verbs/call.ts'
import { applyPatch } from '../verbs/patch.ts'
import { trackChange } from '../verbs/tracking.ts'
import { updateObject } from '../verbs/update.ts'
import { parseWriteOptions } from '../verbs/write-options.ts'

const KIND = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const

export async function getScale({ serving, exchange, request, resource, negotiated }: Call): Promise<void> {
  const stored = await serving.objects.read(resource, request, { signal: exchange.signal })
  if (stored === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, scaleOf(resource, stored.object))
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
    const asked = change(scaleOf(resource, old))
    const replicas = (asked['spec'] as { replicas?: unknown } | undefined)?.replicas ?? 0
    if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) throw invalidObject(KIND, request.name, [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')])
    const next = cloneJson(old)
    delete next.metadata.resourceVersion
    if ((asked.metadata.resourceVersion ?? '') !== '' && asked.metadata.resourceVersion !== undefined) next.metadata.resourceVersion = asked.metadata.resourceVersion
    if ((asked.metadata.uid ?? '') !== '') next.metadata.uid = asked.metadata.uid!
    writePath(next, pathsOf(resource).specReplicasPath, replicas)
    return next
  }, trackChange(call, options))
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, scaleOf(resource, outcome.object))
}

type ScalePaths = NonNullable<ApiResource['scalePaths']>

const pathsOf = ({ scalePaths }: ApiResource): ScalePaths => scalePaths ?? { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' }

/** The Scale view of an object. A patch of it that says nothing of resourceVersion must not be held to one. */
export function scaleOf(resource: ApiResource, object: ApiObject): ApiObject {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = pathsOf(resource)
  const count = (path: string): number => { const value = readPath(object, path); return typeof value === 'number' ? value : 0 }
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = readPath(object, labelSelectorPath ?? '.spec.selector')
  return {
    kind: KIND.kind, apiVersion: 'autoscaling/v1',
    metadata: { name: name!, ...(namespace === undefined ? {} : { namespace }), uid: uid!, resourceVersion: resourceVersion!, creationTimestamp: creationTimestamp ?? null },
    spec: { replicas: count(specReplicasPath) },
    status: { replicas: count(statusReplicasPath), ...(typeof selector === 'string' ? { selector } : selectorText(selector)) },
  }
}

/** ReplicationControllers have a plain map, the others a LabelSelector. */
function selectorText(selector: unknown): { selector?: string } {
  if (!isPlainObject(selector)) return {}
  const structured = 'matchLabels' in selector || 'matchExpressions' in selector
  const parsed = structured ? labelSelectorOf(selector) : labelSelectorFromMap(selector as Record<string, string>)
  return parsed === undefined ? {} : { selector: formatLabelSelector(parsed) }
}
