// POST to a collection, and every other way in which an object comes into being (PUT and apply of a missing one).

import { NAME_TRIES } from '../../api/metadata/generate-name.ts'
import { cloneJson, type ApiObject, type Draft } from '../../api/object.ts'
import { beginCreate, finishCreate } from '../../api/registry/write.ts'
import { alreadyExists, nameExhausted, serverTimeout } from '../../api/status/status.ts'
import { checkNodeBody } from '../authorization/node-scope.ts'
import { decodeObject } from '../http/decode-body.ts'
import { joinParts, type Written } from '../objects/object-store.ts'
import { fieldRules, writeContext, type Call } from './call.ts'
import { renderingOf } from './render.ts'
import { sendWritten } from './send-written.ts'
import { trackChange } from './tracking.ts'
import { parseWriteOptions, type WriteOptions } from './write-options.ts'

/** Races lost against namespace or allocation changes before the create gives up. */
const MAX_TRIES = 20

export async function create(call: Call): Promise<void> {
  const { exchange, resource, negotiated } = call
  const options = parseWriteOptions(exchange.query, exchange.headers)
  const rendering = renderingOf(negotiated, exchange.query)
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], resource, fieldRules(call, options))
  sendWritten(call, 201, rendering, await createObject(call, body, options))
}

/** Runs a body through defaults, allocation and validation into the store. Answers the stored object. */
export async function createObject(call: Call, body: Draft, options: WriteOptions, track = trackChange(call, options)): Promise<Written> {
  const { serving, exchange, request, resource, strategy } = call
  const { signal } = exchange
  const generated = (body.metadata.name ?? '') === '' && request.name === '' && (body.metadata.generateName ?? '') !== ''
  let names = 0
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const draft = cloneJson(body)
    const context = writeContext({ serving, user: exchange.user })
    beginCreate({ resource, strategy }, draft, request, context, fresh => track(fresh, undefined))
    checkNodeBody(exchange.user, resource, draft)
    const guard = await serving.namespaceGuard.check(resource, draft, signal)
    const admitted = await serving.admission.create(resource, draft, {
      ...context, dryRun: options.dryRun, subresource: '', signal, warn: text => exchange.warn(text),
    })
    try {
      for (const warning of finishCreate({ resource, strategy }, draft)) exchange.warn(warning)
    } catch (error) {
      admitted.settle?.('failed')
      throw error
    }
    if (options.dryRun) {
      admitted.settle?.('failed')
      const existing = await serving.objects.read(resource, { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name! }, { signal })
      if (existing !== undefined) throw existsError(call, existing.object)
      return { object: draft }
    }
    const outcome = await serving.objects.insert(resource, draft, { parts: joinParts(guard, admitted), ...ttlOf(call) }, { signal })
    if (outcome.kind === 'inserted') return outcome
    if (outcome.kind === 'exists') {
      names += 1
      if (!generated) throw existsError(call, outcome.existing)
      if (names === NAME_TRIES) throw nameExhausted(resource, draft.metadata.name!)
    }
  }
  throw serverTimeout(resource, 'create', 1)
}

function existsError({ resource }: Call, existing: ApiObject): Error {
  return alreadyExists(resource, existing.metadata.name!, existing.metadata.deletionTimestamp === undefined ? '' : 'object is being deleted: ')
}

/** Events go by themselves after an hour (kube-apiserver's --event-ttl). */
export const EVENT_TTL_SECONDS = 3600

export const ttlOf = ({ resource }: Pick<Call, 'resource'>): { ttlSeconds?: number } =>
  resource.storage.prefix === '/events/' ? { ttlSeconds: EVENT_TTL_SECONDS } : {}
