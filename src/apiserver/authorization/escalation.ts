// Nobody grants more than he holds: writes of roles and bindings are compared with the writer's own rules.
// k8s.io/kubernetes/pkg/registry/rbac/{role,rolebinding}/policybased.

import { equalJson, type Draft } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { forbiddenRequest, notFoundObject } from '../../api/status/status.ts'
import { MASTERS_GROUP } from '../authentication/user.ts'
import { NO_PARTS } from '../objects/object-store.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'
import type { RbacAuthorizer } from './rbac.ts'
import { breakdown, covers, type PolicyRule } from './rules.ts'

type RoleRef = Readonly<{ kind: string; name: string }>

/** For roles and cluster roles: their rules. */
export const roleEscalation = (authorizer: RbacAuthorizer, resource: ApiResource): AdmissionPlugin => checkedWhenChanged(['rules', 'aggregationRule'], (role, { user }) => {
  const { name = '', namespace = '' } = role.metadata
  if (mayAnyway(authorizer, user, 'escalate', resource, { name, namespace })) return
  // An aggregated role may come to hold anything at all.
  const wanted = role['aggregationRule'] === undefined ? (role['rules'] ?? []) as readonly PolicyRule[]
    : [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }]
  refuseUncovered(authorizer, user, wanted, resource, { name, namespace })
})

/** For bindings: the rules of the role that they refer to. */
export const bindingEscalation = (authorizer: RbacAuthorizer, resource: ApiResource): AdmissionPlugin => checkedWhenChanged(['roleRef', 'subjects'], (binding, { user }) => {
  const { name = '', namespace = '' } = binding.metadata
  const { kind, name: roleName } = (binding['roleRef'] ?? { kind: '', name: '' }) as RoleRef
  const role = { group: resource.group, plural: kind === 'ClusterRole' ? 'clusterroles' : 'roles' }
  if (mayAnyway(authorizer, user, 'bind', role, { name: roleName, namespace })) return
  const rules = authorizer.rulesOf({ kind, name: roleName }, namespace)
  if (rules === undefined) throw notFoundObject(role, roleName)
  refuseUncovered(authorizer, user, rules, resource, { name, namespace })
})

/** Runs a check on what is new, and on what changes one of the fields. */
function checkedWhenChanged(fields: readonly string[], check: (draft: Draft, context: AdmissionContext) => void): AdmissionPlugin {
  return {
    create: async (draft, context) => {
      check(draft, context)
      return NO_PARTS
    },
    update: async (draft, old, context) => {
      if (fields.some(field => !equalJson(draft[field], old[field]))) check(draft, context)
      return NO_PARTS
    },
  }
}

type Named = Readonly<{ name: string; namespace: string }>

function mayAnyway(authorizer: RbacAuthorizer, user: UserInfo, verb: string, { group, plural }: Pick<ApiResource, 'group' | 'plural'>, { name, namespace }: Named): boolean {
  if (user.groups.includes(MASTERS_GROUP)) return true
  return authorizer.authorize({ kind: 'resource', user, verb, group, plural, subresource: '', namespace, name }).allowed
}

/** Throws 403 with the list of what the user does not hold. */
function refuseUncovered(authorizer: RbacAuthorizer, user: UserInfo, wanted: readonly PolicyRule[], resource: ApiResource, { name, namespace }: Named): void {
  const held = authorizer.rulesFor(user, namespace)
  const missing = wanted.flatMap(breakdown).filter(single => !covers(held, single))
  if (missing.length === 0) return
  const groups = user.groups.map(group => JSON.stringify(group)).join(' ')
  throw forbiddenRequest(resource, name, `user ${JSON.stringify(user.username)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${compact(missing).map(formatRule).join('\n')}`)
}

/** Rules that differ in their verb only become one. */
function compact(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const merged = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const { verbs, ...rest } = rule
    const key = JSON.stringify(rest)
    const present = merged.get(key)
    merged.set(key, { ...rest, verbs: [...new Set([...(present?.verbs ?? []), ...verbs])] })
  }
  return [...merged.values()]
}

function formatRule({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: PolicyRule): string {
  const parts: string[] = []
  const add = (title: string, values: readonly string[] | undefined): void => {
    if (values !== undefined && values.length > 0) parts.push(`${title}:[${values.map(value => JSON.stringify(value)).join(' ')}]`)
  }
  add('NonResourceURLs', nonResourceURLs)
  add('APIGroups', apiGroups)
  add('Resources', resources)
  add('ResourceNames', resourceNames)
  add('Verbs', verbs)
  return `{${parts.join(', ')}}`
}
