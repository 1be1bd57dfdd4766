// rbac.authorization.k8s.io/v1: roles and their bindings.

import type { ClusterRole, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts'
import { pathSegment } from '../../metadata/names.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { ROLE_BINDING_TABLE } from '../../tables/rbac.ts'

/** Names of roles such as `system:node` only have to fit into a path. */
export const roleStrategy = (base: Strategy): Strategy => ({
  ...base, validateCreate: validateRules, update: { ...base.update, validate: validateRules }, nameRule: pathSegment, createsOnUpdate: true,
})

function validateRules(object: ApiObject): readonly FieldError[] {
  const namespaced = object.kind === 'Role'
  return ((object as unknown as ClusterRole).rules ?? []).flatMap(({ verbs = [], apiGroups = [], resources = [], nonResourceURLs = [] }, index) => {
    const at = `rules[${index}]`
    const errors: FieldError[] = []
    if (verbs.length === 0) errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'))
    if (nonResourceURLs.length > 0) {
      if (namespaced) errors.push(invalid(`${at}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
      if (apiGroups.length + resources.length > 0) errors.push(invalid(`${at}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'))
      return errors
    }
    if (apiGroups.length === 0) errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    if (resources.length === 0) errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    return errors
  })
}

const RBAC_GROUP = 'rbac.authorization.k8s.io'
const SUBJECTS = ['ServiceAccount', 'User', 'Group'] as const

export const roleBindingStrategy = (base: Strategy): Strategy => ({
  ...base,
  nameRule: pathSegment,
  createsOnUpdate: true,
  applyDefaults: draft => {
    const binding = draft as unknown as RoleBinding
    if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= RBAC_GROUP
    for (const subject of binding.subjects ?? []) if (subject.kind !== 'ServiceAccount') subject.apiGroup ||= RBAC_GROUP
  },
  validateCreate: validateBinding,
  update: {
    ...base.update,
    validate: (next, old) => [
      ...validateBinding(next),
      ...(equalJson(next['roleRef'], old['roleRef']) ? [] : [invalid('roleRef', shownRole(next), 'cannot change roleRef')]),
    ],
  },
  table: ROLE_BINDING_TABLE,
})

/** Upstream shows its internal type. */
function shownRole(object: ApiObject): unknown {
  const { apiGroup = '', kind = '', name = '' } = (object as unknown as Partial<RoleBinding>).roleRef ?? {}
  return { APIGroup: apiGroup, Kind: kind, Name: name }
}

function validateBinding(object: ApiObject): readonly FieldError[] {
  const { roleRef, subjects = [] } = object as unknown as RoleBinding
  const namespaced = object.kind === 'RoleBinding'
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  const errors: FieldError[] = []
  if (roleRef?.apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [RBAC_GROUP]))
  if (!kinds.includes(roleRef?.kind ?? '')) errors.push(notSupported('roleRef.kind', roleRef?.kind ?? '', kinds))
  if ((roleRef?.name ?? '') === '') errors.push(required('roleRef.name'))
  else errors.push(...pathSegment(roleRef!.name).map(problem => invalid('roleRef.name', roleRef!.name, problem)))
  subjects.forEach(({ kind = '', name = '', namespace = '' }, index) => {
    const at = `subjects[${index}]`
    if (name === '') errors.push(required(`${at}.name`))
    if (!SUBJECTS.includes(kind as 'User')) errors.push(notSupported(`${at}.kind`, kind, SUBJECTS))
    if (kind === 'ServiceAccount' && namespace === '' && !namespaced) errors.push(required(`${at}.namespace`))
  })
  return errors
}
