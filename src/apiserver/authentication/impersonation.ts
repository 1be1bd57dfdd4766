// Impersonate-* headers (kubectl --as): who may, acts as another user from here on.

import type { IncomingHttpHeaders } from 'node:http'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { badRequest } from '../../api/status/status.ts'
import type { ResourceAttributes } from '../authorization/attributes.ts'

const EXTRA = 'impersonate-extra-'
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/

export type Impersonation = Readonly<{
  user: UserInfo
  /** What the real user must be allowed to do, each of them. */
  needs: readonly ResourceAttributes[]
}>

/** Undefined when the request does not ask for it. Throws 400 for headers that make no sense. */
export function impersonationOf(headers: IncomingHttpHeaders, actor: UserInfo): Impersonation | undefined {
  const username = single(headers['impersonate-user'])
  const groups = list(headers['impersonate-group'])
  const uid = single(headers['impersonate-uid'])
  const extra = Object.fromEntries(Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(EXTRA) ? [[decodeURIComponent(name.slice(EXTRA.length)), list(value)] as const] : []))
  if (username === '') {
    if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0) throw badRequest('requested impersonation of groups, a uid or extra fields without impersonating a user')
    return undefined
  }
  const account = SERVICE_ACCOUNT.exec(username)
  const ask = (plural: string, name: string, more: Partial<ResourceAttributes> = {}): ResourceAttributes =>
    ({ kind: 'resource', user: actor, verb: 'impersonate', group: '', plural, subresource: '', namespace: '', name, ...more })
  const authentication = { group: 'authentication.k8s.io' }
  const needs = [
    account === null ? ask('users', username) : ask('serviceaccounts', account[2]!, { namespace: account[1]! }),
    ...groups.map(group => ask('groups', group)),
    ...(uid === '' ? [] : [ask('uids', uid, authentication)]),
    ...Object.entries(extra).flatMap(([key, values]) => values.map(value => ask('userextras', value, { ...authentication, subresource: key }))),
  ]
  // Left out, the groups are those that every such user has.
  const implied = account === null || groups.length > 0 ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`]
  return { user: { username, ...(uid === '' ? {} : { uid }), groups: [...groups, ...implied], ...(Object.keys(extra).length > 0 ? { extra } : {}) }, needs }
}

const single = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0] ?? '' : value ?? '')

/** Node joins repeated headers of unknown names with a comma and a blank. */
const list = (value: string | string[] | undefined): readonly string[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : value.split(', ')).filter(item => item !== '')
