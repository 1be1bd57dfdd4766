// Resources that are questions: who am I, may I, is this token good. Nothing is stored; the answer is the object.

import { isPlainObject, formatTime, type ApiObject } from '../../api/object.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { invalid } from '../../api/status/field-error.ts'
import { badRequest, invalidObject } from '../../api/status/status.ts'
import type { BearerTokens } from '../authentication/bearer-token.ts'
import { authenticated } from '../authentication/user.ts'
import type { Attributes } from '../authorization/attributes.ts'
import type { RbacAuthorizer } from '../authorization/rbac.ts'
import { decodeObject } from '../http/decode-body.ts'
import { sendValue } from '../http/send.ts'
import type { Call } from '../verbs/call.ts'

type Handler = (call: Call) => Promise<void>
type Options = Readonly<{ authorizer: RbacAuthorizer; tokens: BearerTokens; audiences: readonly string[] }>

/** By "group/plural create". */
export const reviewHandlers = ({ authorizer, tokens, audiences }: Options): Readonly<Record<string, Handler>> => ({
  'authentication.k8s.io/selfsubjectreviews create': answer(async call => ({ status: { userInfo: userInfo(call.exchange.user) } })),
  'authentication.k8s.io/tokenreviews create': answer(async (call, spec) => {
    if ((spec['token'] ?? '') === '') throw badRequest('token is required for TokenReview in authentication')
    const asked = texts(spec['audiences'])
    const wanted = asked.length > 0 ? asked : audiences
    const review = await tokens.review(String(spec['token'] ?? ''), wanted, call.exchange.signal)
    if (review === undefined) return { status: { authenticated: false, user: {}, error: 'invalid bearer token' } }
    return { status: { authenticated: true, user: userInfo(authenticated(review.user)), audiences: [...review.audiences] } }
  }),
  'authorization.k8s.io/selfsubjectaccessreviews create': answer(async (call, spec) => ({ status: decide(authorizer, spec, call.exchange.user, undefined) })),
  'authorization.k8s.io/subjectaccessreviews create': answer(async (_call, spec) => ({ status: decide(authorizer, spec, subjectOf(spec), undefined) })),
  'authorization.k8s.io/localsubjectaccessreviews create': answer(async (call, spec) => ({ status: decide(authorizer, spec, subjectOf(spec), call.request.namespace) })),
  'authorization.k8s.io/selfsubjectrulesreviews create': answer(async (call, spec) => {
    if ((spec['namespace'] ?? '') === '') throw badRequest('no namespace on request')
    const rules = authorizer.rulesFor(call.exchange.user, String(spec['namespace']))
    return {
      status: {
        resourceRules: rules.filter(({ resources }) => resources !== undefined).map(({ verbs, apiGroups, resources, resourceNames }) =>
          ({ verbs, apiGroups: apiGroups ?? [], resources: resources ?? [], ...(resourceNames === undefined ? {} : { resourceNames }) })),
        nonResourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs !== undefined).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs: nonResourceURLs ?? [] })),
        incomplete: false,
      },
    }
  }),
})

/** Decodes the question, and sends it back with its answer. */
const answer = (make: (call: Call, spec: Record<string, unknown>) => Promise<{ status: unknown }>): Handler => async call => {
  const { exchange, resource, negotiated, serving } = call
  const body: ApiObject = decodeObject(await exchange.readBody(), exchange.headers['content-type'], resource)
  const spec = isPlainObject(body['spec']) ? body['spec'] : {}
  const { status } = await make(call, spec)
  const metadata = { ...body.metadata, creationTimestamp: body.metadata.creationTimestamp ?? formatTime(serving.clock.now()) }
  // The token itself is not repeated.
  const { token: _token, ...shownSpec } = spec
  sendValue(exchange, 201, negotiated.format, { ...body, metadata, spec: shownSpec, status })
}

function decide(authorizer: RbacAuthorizer, spec: Record<string, unknown>, user: UserInfo, namespace: string | undefined): unknown {
  const { allowed, reason } = authorizer.authorize(attributesOf(spec, user, namespace))
  return { allowed, ...(reason === '' ? {} : { reason }) }
}

function attributesOf(spec: Record<string, unknown>, user: UserInfo, namespace: string | undefined): Attributes {
  const resource = spec['resourceAttributes']
  const path = spec['nonResourceAttributes']
  if (isPlainObject(resource) === isPlainObject(path)) throw invalidSpec('resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  if (isPlainObject(path)) return { kind: 'path', user, verb: text(path['verb']), path: text(path['path']) }
  const attributes = resource as Record<string, unknown>
  if (namespace !== undefined && text(attributes['namespace']) !== namespace) throw badRequest(`resourceAttributes.namespace must match metadata.namespace (${namespace})`)
  return {
    kind: 'resource', user, verb: text(attributes['verb']), group: text(attributes['group']), plural: text(attributes['resource']),
    subresource: text(attributes['subresource']), namespace: text(attributes['namespace']), name: text(attributes['name']),
  }
}

function subjectOf(spec: Record<string, unknown>): UserInfo {
  const username = typeof spec['user'] === 'string' ? spec['user'] : ''
  const groups = texts(spec['groups'])
  if (username === '' && groups.length === 0) throw invalidSpec('user', '', 'at least one of user or group must be specified')
  return { username, groups }
}

/** Upstream leaves the kind out here. */
const invalidSpec = (field: string, value: unknown, why: string): Error => invalidObject({ group: 'authorization.k8s.io', kind: '' }, '', [invalid(`spec.${field}`, value, why)])

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [])

const userInfo = ({ username, uid, groups, extra }: UserInfo): unknown =>
  ({ username, ...(uid === undefined ? {} : { uid }), groups: [...groups], ...(extra === undefined ? {} : { extra }) })
