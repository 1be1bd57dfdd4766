// DELETE of one object and of a collection.

import { formatTime, type ApiObject } from '../../api/object.ts'
import { conflict, deleteSuccess, forbiddenRequest, notFoundObject } from '../../api/status/status.ts'
import { sendValue } from '../http/send.ts'
import type { UpdateOutcome, UpdatePlan } from '../objects/object-store.ts'
import { decodeValue } from '../objects/stored-object.ts'
import { prefixEnd } from '../../store/store.ts'
import { writeContext, type Call } from './call.ts'
import { parseDeleteOptions, type DeleteOptions } from './delete-options.ts'
import { planDelete } from './delete-plan.ts'
import { parseListOptions } from './list-options.ts'
import { renderList } from './list.ts'
import { renderObject, renderingOf } from './render.ts'
import { parseSelection } from './selection.ts'

/** The system cannot do without these (admission plug-in NamespaceLifecycle). */
const IMMORTAL_NAMESPACES: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])

export async function deleteOne(call: Call): Promise<void> {
  const { exchange, request, resource, strategy, negotiated, serving } = call
  const options = parseDeleteOptions(await exchange.readBody(), exchange.headers['content-type'], exchange.query)
  const outcome = await deleteObject(call, request.name, options)
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  const code = options.orphanDependents === false && outcome.kind === 'put' ? 202 : 200
  if (outcome.kind !== 'delete' || strategy.deleteReturnsObject) {
    return sendValue(exchange, code, negotiated.format, renderObject(outcome.object, strategy, renderingOf(negotiated, exchange.query), serving.clock.now()))
  }
  sendValue(exchange, code, negotiated.format, deleteSuccess(resource, request.name, outcome.object.metadata.uid ?? ''))
}

/** Undefined when there is no such object. */
export async function deleteObject(call: Call, name: string, options: DeleteOptions): Promise<UpdateOutcome | undefined> {
  const { serving, exchange, request, resource, strategy } = call
  if (resource.group === '' && resource.plural === 'namespaces' && IMMORTAL_NAMESPACES.has(name)) {
    throw forbiddenRequest(resource, name, 'this namespace may not be deleted')
  }
  const target = { namespace: request.namespace, name }
  const plan = async (old: ApiObject): Promise<UpdatePlan> => {
    checkPreconditions(call, old, options)
    const context = writeContext({ serving, user: exchange.user })
    const planned = planDelete(old, strategy, options, context.nowMs)
    if (planned.kind === 'unchanged') return { kind: 'unchanged' }
    if (planned.kind === 'mark') return { kind: 'put', object: planned.object }
    const parts = await serving.admission.delete(resource, old, {
      ...context, dryRun: options.dryRun, subresource: '', signal: exchange.signal, warn: text => exchange.warn(text),
    })
    if (options.dryRun) parts.settle?.('failed')
    return { kind: 'delete', object: strategy.gracePeriodSeconds === undefined ? old : goneAtOnce(old, context.nowMs), parts }
  }
  if (!options.dryRun) return serving.objects.update(resource, target, plan, { signal: exchange.signal })
  const stored = await serving.objects.read(resource, target, { signal: exchange.signal })
  if (stored === undefined) return undefined
  const planned = await plan(stored.object)
  return { kind: planned.kind, object: planned.kind === 'unchanged' ? stored.object : planned.object }
}

/** How an object that has a grace period is shown when it goes without one. */
const goneAtOnce = (old: ApiObject, nowMs: number): ApiObject =>
  ({ ...old, metadata: { ...old.metadata, deletionTimestamp: old.metadata.deletionTimestamp ?? formatTime(nowMs), deletionGracePeriodSeconds: 0 } })

function checkPreconditions({ resource }: Call, old: ApiObject, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions
  const name = old.metadata.name!
  // Here upstream names the kind where it names the resource everywhere else.
  const kind = { group: resource.group, plural: resource.kind }
  if (uid !== undefined && uid !== old.metadata.uid) {
    throw conflict(kind, name, `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`)
  }
  if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(kind, name, `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`)
  }
}

/** Deletes everything the selectors match, one transaction each; answers the list of what was there. */
export async function deleteCollection(call: Call): Promise<void> {
  const { exchange, request, resource, strategy, negotiated, serving } = call
  const options = parseDeleteOptions(await exchange.readBody(), exchange.headers['content-type'], exchange.query)
  parseListOptions(exchange.query, false)
  const selection = parseSelection(exchange.query, resource, strategy, '')
  const prefix = serving.objects.prefix(resource, request.namespace)
  const { entries, revision } = await serving.objects.store.range({ start: prefix, end: prefixEnd(prefix) }, { signal: exchange.signal })
  const matching = entries.map(entry => decodeValue(resource, entry)).filter(object => selection.matches(object))
  const gone: ApiObject[] = []
  await Promise.all(matching.map(async object => {
    const outcome = await deleteObject(call, object.metadata.name!, options)
    if (outcome !== undefined) gone.push(outcome.object)
  }))
  gone.sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
  sendValue(exchange, 200, negotiated.format, renderList(call, gone, { resourceVersion: String(revision) }, renderingOf(negotiated, exchange.query)))
}
