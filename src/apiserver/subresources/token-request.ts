// POST serviceaccounts/‹name›/token: a token for the service account (authentication.k8s.io/v1 TokenRequest).

import { randomUUID } from 'node:crypto'
import { formatTime, isPlainObject } from '../../api/object.ts'
import { invalid, notSupported, type FieldError } from '../../api/status/field-error.ts'
import { conflict, invalidObject, notFoundObject, internalError } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { BoundObject, ServiceAccountTokens, TokenSubject } from '../tokens/service-account-tokens.ts'
import type { Call } from '../verbs/call.ts'

const KIND = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } as const
const DEFAULT_SECONDS = 3600
const MIN_SECONDS = 600
const MAX_SECONDS = 2 ** 32
/** What the projected volume of a pod asks for: such tokens live a year, and are reported as old after this time. */
const EXTENDED_ASK_SECONDS = 3607
const EXTENDED_SECONDS = 365 * 86_400

const BOUND_PLURALS: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }

type Asked = Readonly<{ audiences: readonly string[]; seconds: number; bound: Readonly<{ kind: string; name: string; uid: string }> | undefined }>

export const tokenRequest = (tokens: ServiceAccountTokens | undefined, catalog: Catalog) => async (call: Call): Promise<void> => {
  const { serving, exchange, request, resource, negotiated } = call
  const { signal } = exchange
  const body = decodeObject(await exchange.readBody(), exchange.headers['content-type'], KIND)
  if (tokens === undefined) throw internalError('service account tokens need --service-account-signing-key-file and --service-account-issuer')
  const asked = readSpec(body['spec'], tokens.audiences)
  const account = await serving.objects.read(resource, request, { signal })
  if (account === undefined) throw notFoundObject(resource, request.name)
  const serviceAccount = { name: request.name, uid: account.object.metadata.uid! }
  const bound = await bind(call, catalog, asked, signal)
  const nowSeconds = Math.floor(serving.clock.now() / 1000)
  const extended = asked.seconds === EXTENDED_ASK_SECONDS && bound.pod !== undefined && asked.audiences.every(audience => tokens.audiences.includes(audience))
  const token = await tokens.sign({
    subject: { namespace: request.namespace, serviceAccount, ...bound }, audiences: asked.audiences, nowSeconds, id: randomUUID(),
    expiresAtSeconds: nowSeconds + (extended ? EXTENDED_SECONDS : asked.seconds), ...(extended ? { warnAfterSeconds: nowSeconds + asked.seconds } : {}),
  })
  sendValue(exchange, 201, negotiated.format, {
    ...body, metadata: { name: request.name, namespace: request.namespace, creationTimestamp: formatTime(nowSeconds * 1000) },
    spec: { ...(body['spec'] as object | undefined), audiences: asked.audiences, expirationSeconds: asked.seconds },
    status: { token, expirationTimestamp: formatTime((nowSeconds + asked.seconds) * 1000) },
  })
}

function readSpec(given: unknown, defaultAudiences: readonly string[]): Asked {
  const spec = isPlainObject(given) ? given : {}
  const errors: FieldError[] = []
  const seconds = spec['expirationSeconds'] ?? DEFAULT_SECONDS
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < MIN_SECONDS) errors.push(invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'))
  else if (seconds > MAX_SECONDS) errors.push(invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds'))
  const audiences = Array.isArray(spec['audiences']) ? spec['audiences'].filter((audience): audience is string => typeof audience === 'string') : []
  const ref = isPlainObject(spec['boundObjectRef']) ? spec['boundObjectRef'] : undefined
  const kind = String(ref?.['kind'] ?? '')
  if (ref !== undefined && BOUND_PLURALS[kind] === undefined) errors.push(notSupported('spec.boundObjectRef.kind', kind, Object.keys(BOUND_PLURALS)))
  if (errors.length > 0) throw invalidObject(KIND, '', errors)
  return {
    audiences: audiences.length > 0 ? audiences : defaultAudiences, seconds: seconds as number,
    bound: ref === undefined ? undefined : { kind, name: String(ref['name'] ?? ''), uid: String(ref['uid'] ?? '') },
  }
}

/** Looks the bound object up; a pod's node is bound along with it. Throws 404, or 409 when the uid is another's. */
async function bind({ serving, request }: Call, catalog: Catalog, { bound }: Asked, signal: AbortSignal): Promise<Pick<TokenSubject, 'pod' | 'node' | 'secret'>> {
  if (bound === undefined) return {}
  const plural = BOUND_PLURALS[bound.kind]!
  const resource = catalog.builtin('', plural)
  const stored = await serving.objects.read(resource, { namespace: resource.namespaced ? request.namespace : '', name: bound.name }, { signal })
  if (stored === undefined) throw notFoundObject(resource, bound.name)
  const uid = stored.object.metadata.uid!
  if (bound.uid !== '' && bound.uid !== uid) throw conflict(resource, bound.name, `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`)
  const reference: BoundObject = { name: bound.name, uid }
  if (bound.kind === 'Secret') return { secret: reference }
  if (bound.kind === 'Node') return { node: reference }
  const nodeName = (stored.object['spec'] as { nodeName?: string } | undefined)?.nodeName
  const node = nodeName === undefined ? undefined : await serving.objects.read(catalog.builtin('', 'nodes'), { namespace: '', name: nodeName }, { signal })
  return { pod: reference, ...(node === undefined ? {} : { node: { name: nodeName!, uid: node.object.metadata.uid! } }) }
}
