// v1 ComponentStatus, deprecated since 1.19: what this server can say of what it stands on. Upstream also asks the
// scheduler and the controller manager of its own machine, which may be elsewhere or many.

import type { ApiObject } from '../../api/object.ts'
import { notFoundObject } from '../../api/status/status.ts'
import { sendValue } from '../http/send.ts'
import { renderList } from '../verbs/list.ts'
import { renderObject, renderingOf } from '../verbs/render.ts'
import type { Call } from '../verbs/call.ts'

const STORE_NAME = 'etcd-0'
const DEPRECATED = 'v1 ComponentStatus is deprecated in v1.19+'

export async function listComponentStatuses(call: Call): Promise<void> {
  const { exchange, negotiated } = call
  exchange.warn(DEPRECATED)
  const statuses = [await storeStatus(call)]
  sendValue(exchange, 200, negotiated.format, renderList(call, statuses, {}, renderingOf(negotiated, exchange.query)))
}

export async function getComponentStatus(call: Call): Promise<void> {
  const { exchange, negotiated, request, resource, serving, strategy } = call
  exchange.warn(DEPRECATED)
  if (request.name !== STORE_NAME) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, renderObject(await storeStatus(call), strategy, renderingOf(negotiated, exchange.query), serving.clock.now()))
}

async function storeStatus({ serving, exchange }: Call): Promise<ApiObject> {
  const condition = await serving.objects.store.revision({ signal: exchange.signal }).then(
    () => ({ type: 'Healthy', status: 'True', message: 'ok' }),
    (error: unknown) => ({ type: 'Healthy', status: 'False', message: (error as Error).message }))
  return { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name: STORE_NAME }, conditions: [condition] }
}
