// PUT of an object or of one of its sub-resources that hold the same object (status, approval, resize, …).

import { cloneJson, type ApiObject, type Draft } from '../../api/object.ts'
import { agreeWithPath, beginUpdate, finishUpdate, isUnchanged, missingResourceVersion } from '../../api/registry/write.ts'
import { conflict, notFoundObject, staleObject } from '../../api/status/status.ts'
import { forbiddenError } from '../authorization/forbidden.ts'
import { decodeObject } from '../http/decode-body.ts'
import type { UpdateOutcome, UpdatePlan } from '../objects/object-store.ts'
import { fieldRules, writeContext, type Call } from './call.ts'
import { createObject, ttlOf } from './create.ts'
import { renderingOf } from './render.ts'
import { sendWritten } from './send-written.ts'
import { trackChange, type Track } from './tracking.ts'
import { parseWriteOptions, type WriteOptions } from './write-options.ts'

export async function update(call: Call): Promise<void> {
  const { exchange, request, resource, strategy, negotiated } = call
  const options = parseWriteOptions(exchange.query, exchange.headers, 'UpdateOptions')
  const rendering = renderingOf(negotiated, exchange.query)
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], resource, fieldRules(call, options))
  // Before the look-up: a name that contradicts the URL is wrong whether or not the object is there.
  agreeWithPath(resource, body, request)
  if (strategy.requiresResourceVersion && (body.metadata.resourceVersion ?? '') === '' && request.subresource === '') throw missingResourceVersion(resource, request.name)
  const outcome = await updateObject(call, options, () => cloneJson(body))
  if (outcome === undefined) {
    if (!strategy.createsOnUpdate || request.subresource !== '') throw notFoundObject(resource, request.name)
    if ((body.metadata.resourceVersion ?? '') !== '') throw staleObject(resource, request.name)
    authorizeCreate(call)
    return sendWritten(call, 201, rendering, await createObject(call, body, options))
  }
  sendWritten(call, 200, rendering, outcome)
}

/** A write that turns out to create needs that permission as well. Throws 403. */
export function authorizeCreate({ serving, exchange, request, resource }: Call): void {
  const attributes = { kind: 'resource', user: exchange.user, verb: 'create', group: resource.group, plural: resource.plural, subresource: '', namespace: request.namespace, name: request.name } as const
  const { allowed, reason } = serving.authorizer.authorize(attributes)
  if (!allowed) throw forbiddenError(attributes, reason)
}

/** Makes the next state from the old one. The draft's resourceVersion and uid, where present, are preconditions. */
export type MakeDraft = (old: ApiObject) => Draft | Promise<Draft>

/** Runs a change through defaults, allocation and validation into the store; undefined when there is no such object. */
export async function updateObject(call: Call, options: WriteOptions, makeDraft: MakeDraft, track = trackChange(call, options)): Promise<UpdateOutcome | undefined> {
  const { serving, exchange, request, resource } = call
  const plan = async (old: ApiObject): Promise<UpdatePlan> => planUpdate(call, options, await makeDraft(old), old, track)
  if (!options.dryRun) return serving.objects.update(resource, request, plan, { signal: exchange.signal })
  const stored = await serving.objects.read(resource, request, { signal: exchange.signal })
  if (stored === undefined) return undefined
  const planned = await plan(stored.object)
  return { kind: planned.kind, object: planned.kind === 'unchanged' ? stored.object : planned.object }
}

async function planUpdate(call: Call, options: WriteOptions, draft: Draft, old: ApiObject, track: Track): Promise<UpdatePlan> {
  const { serving, exchange, request, resource, strategy } = call
  checkPreconditions(call, draft, old)
  const context = writeContext({ serving, user: exchange.user })
  const target = { resource, strategy }
  beginUpdate(target, draft, old, request, request.subresource, context, next => track(next, old))
  const parts = await serving.admission.update(resource, draft, old, {
    ...context, dryRun: options.dryRun, subresource: request.subresource, signal: exchange.signal, warn: text => exchange.warn(text),
  })
  let used = false
  try {
    for (const warning of finishUpdate(target, draft, old, request.subresource)) exchange.warn(warning)
    if (!mayGo(draft) && isUnchanged(draft, old)) return { kind: 'unchanged' }
    used = !options.dryRun
    return mayGo(draft) ? { kind: 'delete', object: draft, parts } : { kind: 'put', object: draft, parts, ...ttlOf(call) }
  } finally {
    if (!used) parts.settle?.('failed')
  }
}

function checkPreconditions({ resource, request }: Call, draft: Draft, old: ApiObject): void {
  const { uid, resourceVersion } = draft.metadata
  if ((uid ?? '') !== '' && uid !== old.metadata.uid) {
    throw conflict(resource, request.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  }
  if ((resourceVersion ?? '') !== '' && resourceVersion !== old.metadata.resourceVersion) throw staleObject(resource, request.name)
}

/** A terminating object leaves with its last finalizer, once its grace is over. Namespaces have finalizers in their spec, too. */
export function mayGo(object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0 || (deletionGracePeriodSeconds ?? 0) > 0) return false
  const inSpec = (object['spec'] as { finalizers?: readonly string[] } | undefined)?.finalizers
  return !(object.kind === 'Namespace' && (inSpec ?? []).length > 0)
}
