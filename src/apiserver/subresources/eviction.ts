// POST pods/‹name›/eviction (policy/v1 Eviction, or v1beta1 as kubectl up to 1.21 sends it): a delete that asks the pod's disruption budget first.
// Rules: k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go.

import { cloneJson, formatTime, isPlainObject, type ApiObject } from '../../api/object.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selectors/label-selector.ts'
import { badRequest, internalError, notFoundObject, tooManyRequests } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import { decodeValue } from '../objects/stored-object.ts'
import { prefixEnd } from '../../store/store.ts'
import type { Call } from '../verbs/call.ts'
import { deleteObject } from '../verbs/delete.ts'
import { readDeleteOptions } from '../verbs/delete-options.ts'
import { parseWriteOptions } from '../verbs/write-options.ts'

const KIND = { group: 'policy', version: 'v1', kind: 'Eviction', earlierVersions: ['v1beta1'] } as const
const MESSAGE = 'Cannot evict pod as it would violate the pod\'s disruption budget.'
/** Disruptions that the budget's controller has not counted yet; more are refused. */
const MAX_DISRUPTED = 2000

type BudgetStatus = { disruptionsAllowed?: number; observedGeneration?: number; disruptedPods?: Record<string, string>; desiredHealthy?: number; currentHealthy?: number }

export const evictPod = (catalog: Catalog) => async (call: Call): Promise<void> => {
  const { serving, exchange, request, resource, negotiated } = call
  const options = parseWriteOptions(exchange.query, exchange.headers)
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], KIND)
  if ((body.metadata.name ?? '') !== '' && body.metadata.name !== request.name) throw badRequest('name in URL does not match name in Eviction object')
  const deleteOptions = readDeleteOptions(isPlainObject(body['deleteOptions']) ? body['deleteOptions'] : {}, exchange.query)
  const stored = await serving.objects.read(resource, request, { signal: exchange.signal })
  if (stored === undefined) throw notFoundObject(resource, request.name)
  if (!goesFreely(stored.object)) await takeDisruption(call, catalog, stored.object, options.dryRun || deleteOptions.dryRun)
  const outcome = await deleteObject(call, request.name, { ...deleteOptions, dryRun: deleteOptions.dryRun || options.dryRun })
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 201, negotiated.format, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

/** A pod that does not run disrupts nobody. */
function goesFreely(pod: ApiObject): boolean {
  const phase = (pod['status'] as { phase?: string } | undefined)?.phase
  return pod.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending'
}

/** Counts the eviction against the pod's budget. Throws 429 when there is nothing left in it. */
async function takeDisruption({ serving, exchange, request }: Call, catalog: Catalog, pod: ApiObject, dryRun: boolean): Promise<void> {
  const budgets = catalog.builtin('policy', 'poddisruptionbudgets')
  const prefix = serving.objects.prefix(budgets, request.namespace)
  const { entries } = await serving.objects.store.range({ start: prefix, end: prefixEnd(prefix) }, { signal: exchange.signal })
  const matching = entries.map(entry => decodeValue(budgets, entry)).filter(budget => {
    const selector = labelSelectorOf((budget['spec'] as { selector?: unknown } | undefined)?.selector)
    return selector !== undefined && matchesLabels(selector, pod.metadata.labels)
  })
  if (matching.length > 1) throw internalError('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.')
  const [budget] = matching
  if (budget === undefined) return
  await serving.objects.update(budgets, { namespace: request.namespace, name: budget.metadata.name! }, old => {
    const status = (old['status'] ?? {}) as BudgetStatus
    if ((status.observedGeneration ?? 0) < (old.metadata.generation ?? 0)) {
      throw tooManyRequests(MESSAGE, 10, [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget.metadata.name} is still being processed by the server.` }])
    }
    const allowed = status.disruptionsAllowed ?? 0
    const disrupted = status.disruptedPods ?? {}
    if (allowed <= 0 || Object.keys(disrupted).length > MAX_DISRUPTED) {
      // No Retry-After: client-go would wait inside one request, deaf to `kubectl drain --timeout`.
      throw tooManyRequests(MESSAGE, undefined, [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget.metadata.name} needs ${status.desiredHealthy ?? 0} healthy pods and has ${status.currentHealthy ?? 0} currently` }])
    }
    if (dryRun) return { kind: 'unchanged' }
    const next = cloneJson(old)
    next['status'] = { ...status, disruptionsAllowed: allowed - 1, disruptedPods: { ...disrupted, [pod.metadata.name!]: formatTime(serving.clock.now()) } }
    return { kind: 'put', object: next }
  }, { signal: exchange.signal })
}
