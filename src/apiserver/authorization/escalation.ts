// Nobody grants more than he holds: writes of roles and bindings are compared with the writer's own rules.
// k8s.io/kubernetes/pkg/registry/rbac/{role,rolebinding}/policybased.

import { equalJson, type ApiObject, type Draft } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { forbiddenRequest, notFoundObject } from '../../api/status/status.ts'
import { MASTERS_GROUP } from '../authentication/user.ts'
import { NO_PARTS, type WriteParts } from '../objects/object-store.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'
import type { RbacAuthorizer } from './rbac.ts'
import { breakdown, covers, type PolicyRule } from './rules.ts'

type RoleRef = Readonly<{ kind: string; name: string }>

/** For roles and cluster roles: their rules. */
export class RoleEscalation implements AdmissionPlugin {
  readonly #authorizer: RbacAuthorizer
  readonly #resource: ApiResource

  constructor(authorizer: RbacAuthorizer, resource: ApiResource) {
    this.#authorizer = authorizer
    this.#resource = resource
  }

  async create(draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    return this.#check(draft, context)
  }

  async update(draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return equalJson(draft['rules'], old['rules']) && equalJson(draft['aggregationRule'], old['aggregationRule']) ? NO_PARTS : this.#check(draft, context)
  }

  #check(role: Draft, { user }: AdmissionContext): WriteParts {
    const { name = '', namespace = '' } = role.metadata
    if (mayAnyway(this.#authorizer, user, 'escalate', this.#resource, { name, namespace })) return NO_PARTS
    // An aggregated role may come to hold anything at all.
    const wanted = role['aggregationRule'] === undefined ? (role['rules'] ?? []) as readonly PolicyRule[]
      : [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }]
    refuseUncovered(this.#authorizer, user, wanted, this.#resource, { name, namespace })
    return NO_PARTS
  }
}

/** For bindings: the rules of the role that they refer to. */
export class BindingEscalation implements AdmissionPlugin {
  readonly #authorizer: RbacAuthorizer
  readonly #resource: ApiResource

  constructor(authorizer: RbacAuthorizer, resource: ApiResource) {
    this.#authorizer = authorizer
    this.#resource = resource
  }

  async create(draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    return this.#check(draft, context)
  }

  async update(draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return equalJson(draft['roleRef'], old['roleRef']) && equalJson(draft['subjects'], old['subjects']) ? NO_PARTS : this.#check(draft, context)
  }

  #check(binding: Draft, { user }: AdmissionContext): WriteParts {
    const { name = '', namespace = '' } = binding.metadata
    const { kind, name: roleName } = (binding['roleRef'] ?? { kind: '', name: '' }) as RoleRef
    const role = { group: this.#resource.group, plural: kind === 'ClusterRole' ? 'clusterroles' : 'roles' }
    if (mayAnyway(this.#authorizer, user, 'bind', role, { name: roleName, namespace })) return NO_PARTS
    const rules = this.#authorizer.rulesOf({ kind, name: roleName }, namespace)
    if (rules === undefined) throw notFoundObject(role, roleName)
    refuseUncovered(this.#authorizer, user, rules, this.#resource, { name, namespace })
    return NO_PARTS
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
