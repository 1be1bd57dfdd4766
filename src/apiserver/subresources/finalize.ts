// PUT namespaces/‹name›/finalize: the only way in which spec.finalizers change; the last one takes the namespace along.

import { cloneJson } from '../../api/object.ts'
import { notFoundObject, staleObject } from '../../api/status/status.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { Call } from '../verbs/call.ts'
import { mayGo } from '../verbs/update.ts'

export async function finalizeNamespace({ serving, exchange, request, resource, negotiated }: Call): Promise<void> {
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], resource)
  const finalizers = (body['spec'] as { finalizers?: unknown } | undefined)?.finalizers
  const outcome = await serving.objects.update(resource, request, old => {
    const stated = body.metadata.resourceVersion ?? ''
    if (stated !== '' && stated !== old.metadata.resourceVersion) throw staleObject(resource, request.name)
    const next = cloneJson(old)
    next['spec'] = { ...(next['spec'] as object | undefined), finalizers: Array.isArray(finalizers) ? finalizers.filter(item => typeof item === 'string') : [] }
    return mayGo(next) ? { kind: 'delete', object: next } : { kind: 'put', object: next }
  }, { signal: exchange.signal })
  if (outcome === undefined) throw notFoundObject(resource, request.name)
  sendValue(exchange, 200, negotiated.format, outcome.object)
}
