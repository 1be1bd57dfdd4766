// RBAC over the roles and bindings in the store. A user may do what any binding that names him grants.

import type { ApiObject } from '../../api/object.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { MASTERS_GROUP } from '../authentication/user.ts'
import type { Attributes, Authorizer, Decision } from './attributes.ts'
import { ruleAllows, type PolicyRule } from './rules.ts'

/** The four kinds, by "namespace/name" or name. */
export type RbacObjects = Readonly<{
  roles: Readable
  roleBindings: Readable
  clusterRoles: Readable
  clusterRoleBindings: Readable
}>

type Readable = Readonly<{ get(name: string): ApiObject | undefined; values(): Iterable<ApiObject> }>

type Subject = Readonly<{ kind: string; name: string; namespace?: string }>
type RoleRef = Readonly<{ kind: string; name: string }>

/** A binding's rules, with the words for "allowed by". */
type Grant = Readonly<{ rules: readonly PolicyRule[]; reason: string }>

export class RbacAuthorizer implements Authorizer {
  readonly #objects: RbacObjects

  constructor(objects: RbacObjects) {
    this.#objects = objects
  }

  authorize(attributes: Attributes): Decision {
    if (attributes.user.groups.includes(MASTERS_GROUP)) return { allowed: true, reason: '' }
    const namespace = attributes.kind === 'resource' ? attributes.namespace : ''
    for (const { rules, reason } of this.#grants(attributes.user, namespace)) {
      if (rules.some(rule => ruleAllows(rule, attributes))) return { allowed: true, reason }
    }
    return { allowed: false, reason: '' }
  }

  /** All rules that apply to a user in a namespace ("" = cluster-wide ones only). */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[] {
    return [...this.#grants(user, namespace)].flatMap(({ rules }) => rules)
  }

  /** The rules of what a binding refers to; undefined when that does not exist. */
  rulesOf(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const role = roleRef.kind === 'ClusterRole' ? this.#objects.clusterRoles.get(roleRef.name) : this.#objects.roles.get(`${namespace}/${roleRef.name}`)
    return role === undefined ? undefined : ((role['rules'] ?? []) as readonly PolicyRule[])
  }

  *#grants(user: UserInfo, namespace: string): Generator<Grant> {
    for (const binding of this.#objects.clusterRoleBindings.values()) {
      const subject = subjectFor(binding, user, '')
      if (subject !== undefined) yield this.#grant(binding, subject, '')
    }
    if (namespace === '') return
    for (const binding of this.#objects.roleBindings.values()) {
      if (binding.metadata.namespace !== namespace) continue
      const subject = subjectFor(binding, user, namespace)
      if (subject !== undefined) yield this.#grant(binding, subject, namespace)
    }
  }

  #grant(binding: ApiObject, subject: Subject, namespace: string): Grant {
    const roleRef = binding['roleRef'] as RoleRef
    const where = namespace === '' ? `ClusterRoleBinding ${JSON.stringify(binding.metadata.name)}` : `RoleBinding ${JSON.stringify(`${binding.metadata.name}/${namespace}`)}`
    const who = subject.kind === 'ServiceAccount' ? `${subject.kind} ${JSON.stringify(`${subject.name}/${subject.namespace ?? namespace}`)}` : `${subject.kind} ${JSON.stringify(subject.name)}`
    return { rules: this.rulesOf(roleRef, namespace) ?? [], reason: `RBAC: allowed by ${where} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${who}` }
  }
}

/** The subject of a binding that means the user. */
const subjectFor = (binding: ApiObject, user: UserInfo, namespace: string): Subject | undefined =>
  ((binding['subjects'] ?? []) as readonly Subject[]).find(subject => {
    switch (subject.kind) {
      case 'User': return subject.name === user.username
      case 'Group': return user.groups.includes(subject.name)
      case 'ServiceAccount': {
        const home = subject.namespace ?? namespace
        return home !== '' && user.username === `system:serviceaccount:${home}:${subject.name}`
      }
      default: return false
    }
  })
