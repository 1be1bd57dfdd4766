// PATCH with application/apply-patch+yaml: server-side apply. The only patch that may create.

import { parse as parseYaml } from 'yaml'
import { applyObject, finishApply } from '../../api/managed-fields/apply.ts'
import type { Managers } from '../../api/managed-fields/managers.ts'
import { isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { formatGroupVersion } from '../../api/registry/resource.ts'
import { required } from '../../api/status/field-error.ts'
import { badRequest, conflict, invalidObject, notFoundObject, staleObject } from '../../api/status/status.ts'
import { asObject } from '../http/decode-body.ts'
import { fieldRules, type Call } from './call.ts'
import { createObject } from './create.ts'
import { renderingOf } from './render.ts'
import { sendWritten } from './send-written.ts'
import { writerOf } from './tracking.ts'
import { authorizeCreate, updateObject } from './update.ts'
import type { WriteOptions } from './write-options.ts'

export async function apply(call: Call, options: WriteOptions, body: Buffer): Promise<void> {
  const { exchange, request, resource, strategy, negotiated } = call
  if (options.statedManager === '') {
    throw invalidObject({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [required('fieldManager', 'is required for apply patch')])
  }
  const rendering = renderingOf(negotiated, exchange.query)
  const applied = parseApplied(call, options, body)
  const ask = { ...writerOf(call, options), force: options.force === true, kind: resource }
  let managers: Managers = []
  const merge = (live: ApiObject | undefined): Draft => {
    const merged = applyObject(live, applied, strategy.shape, ask)
    managers = merged.managers
    // Without one of its own an apply is not bound to the version it was merged into: a lost race merges anew.
    if (applied.metadata.resourceVersion === undefined) delete merged.draft.metadata.resourceVersion
    return merged.draft
  }
  const track = (draft: Draft): void => finishApply(draft, managers)
  const updated = await updateObject(call, options, merge, track)
  if (updated !== undefined) return sendWritten(call, 200, rendering, updated)
  if (request.subresource !== '') throw notFoundObject(resource, request.name)
  const uid = applied.metadata.uid ?? ''
  if (uid !== '') throw conflict(resource, request.name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
  if ((applied.metadata.resourceVersion ?? '') !== '') throw staleObject(resource, request.name)
  authorizeCreate(call)
  sendWritten(call, 201, rendering, await createObject(call, merge(undefined), options, track))
}

function parseApplied(call: Call, options: WriteOptions, body: Buffer): Draft {
  const { resource, request } = call
  const value = parseBody(body)
  if (!isPlainObject(value)) throw badRequest('error decoding YAML: an apply patch is an object')
  const expected = formatGroupVersion(resource)
  if (typeof value['kind'] !== 'string' || value['kind'] === '') throw badRequest(`Object 'Kind' is missing in '${body.toString().slice(0, 200)}'`)
  if (value['apiVersion'] !== expected) {
    throw badRequest(`Incorrect version specified in apply patch. Specified patch version: ${String(value['apiVersion'] ?? '')}, expected: ${expected}`)
  }
  const applied = asObject(value, resource, fieldRules(call, options))
  if ((applied.metadata.name ?? '') === '') applied.metadata.name = request.name
  return applied
}

function parseBody(body: Buffer): unknown {
  try {
    return parseYaml(body.toString(), { version: '1.1', maxAliasCount: 100, uniqueKeys: true }) as unknown
  } catch (cause) {
    throw badRequest(`error decoding YAML: ${(cause as Error).message}`)
  }
}
