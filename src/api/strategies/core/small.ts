// Kinds with few rules: ServiceAccount, Lease, PodDisruptionBudget, RBAC, IPAddress, ServiceCIDR.

import type { Lease } from 'kubernetes-types/coordination/v1.d.ts'
import type { ClusterRole, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts'
import { formatAddress, tryParseAddress } from '../../../net/ip/address.ts'
import { pathSegment } from '../../metadata/names.ts'
import { parseCidr, validateCidr, validateIp } from '../../metadata/validate-ip.ts'
import { nonNegative } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { forbidden, immutable, invalid, notSupported, quote, required, tooMany, type FieldError } from '../../status/field-error.ts'
import { LEASE_TABLE, NAME_AND_AGE_TABLE, POD_DISRUPTION_BUDGET_TABLE } from '../../tables/core.ts'
import { IP_ADDRESS_TABLE, SERVICE_CIDR_TABLE } from '../../tables/networking.ts'
import { ROLE_BINDING_TABLE } from '../../tables/rbac.ts'

export const serviceAccountStrategy = (base: Strategy): Strategy => ({ ...base, deleteReturnsObject: true, table: NAME_AND_AGE_TABLE })

const both = (validate: (object: ApiObject) => readonly FieldError[]) => (base: Strategy): Strategy =>
  ({ ...base, validateCreate: validate, update: { ...base.update, validate } })

function validateLease(object: ApiObject): readonly FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = (object as unknown as Lease).spec ?? {}
  return [
    ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0 ? [invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')] : []),
    ...nonNegative('spec.leaseTransitions', leaseTransitions),
  ]
}

export const leaseStrategy = (base: Strategy): Strategy => ({
  ...both(validateLease)(base), createsOnUpdate: true, requiresResourceVersion: true, table: LEASE_TABLE,
})

type Budget = { spec?: { minAvailable?: number | string; maxUnavailable?: number | string } }

function validateBudget(object: ApiObject): readonly FieldError[] {
  const { minAvailable, maxUnavailable } = (object as unknown as Budget).spec ?? {}
  const errors: FieldError[] = []
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalid('spec', { minAvailable, maxUnavailable }, 'minAvailable and maxUnavailable cannot be both set'))
  }
  for (const [field, value] of [['minAvailable', minAvailable], ['maxUnavailable', maxUnavailable]] as const) {
    errors.push(...numberOrPercent(`spec.${field}`, value))
  }
  return errors
}

/** A count ≥ 0 or "25%". */
export function numberOrPercent(field: string, value: number | string | undefined): readonly FieldError[] {
  if (value === undefined) return []
  if (typeof value === 'number') return nonNegative(field, value)
  if (!/^[0-9]+%$/.test(value)) return [invalid(field, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")]
  return Number.parseInt(value, 10) > 100 ? [invalid(field, value, 'must not be greater than 100%')] : []
}

export const budgetStrategy = (base: Strategy): Strategy => ({
  ...both(validateBudget)(base),
  prepareForCreate: draft => { draft['status'] = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 } },
  requiresResourceVersion: true, table: POD_DISRUPTION_BUDGET_TABLE,
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
})

/** Names of roles such as `system:node` only have to fit into a path. */
export const roleStrategy = (base: Strategy): Strategy => ({
  ...both(validateRules)(base), nameRule: pathSegment, createsOnUpdate: true,
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

type AddressObject = { spec?: { parentRef?: { resource?: string; name?: string } } }

export const ipAddressStrategy = (base: Strategy): Strategy => ({
  ...base,
  nameRule: name => {
    const address = tryParseAddress(name)
    const [problem] = validateIp('', name)
    if (address === undefined || problem !== undefined) return [problem!.body.replace(`Invalid value: ${quote(name)}: `, '')]
    return formatAddress(address) === name ? [] : [`must be in canonical form (${JSON.stringify(formatAddress(address))})`]
  },
  validateCreate: object => {
    const parent = (object as unknown as AddressObject).spec?.parentRef
    if (parent === undefined) return [required('spec.parentRef')]
    return [
      ...((parent.resource ?? '') === '' ? [required('spec.parentRef.resource')] : []),
      ...((parent.name ?? '') === '' ? [required('spec.parentRef.name')] : []),
    ]
  },
  update: { ...base.update, validate: (next, old) => (equalJson(next['spec'], old['spec']) ? [] : [immutable('spec.parentRef', (next as unknown as AddressObject).spec?.parentRef)]) },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  fieldLabels: ['spec.parentRef.resource', 'spec.parentRef.name'],
  selectableFields: object => {
    const parent = (object as unknown as AddressObject).spec?.parentRef
    return { 'spec.parentRef.resource': parent?.resource ?? '', 'spec.parentRef.name': parent?.name ?? '' }
  },
  table: IP_ADDRESS_TABLE,
})

const cidrsOf = (object: ApiObject): readonly string[] => (object as unknown as { spec?: { cidrs?: string[] } }).spec?.cidrs ?? []

export const serviceCidrStrategy = (base: Strategy): Strategy => ({
  ...base,
  validateCreate: object => {
    const cidrs = cidrsOf(object)
    if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
    if (cidrs.length > 2) return [tooMany('spec.cidrs', cidrs.length, 2)]
    const errors = cidrs.flatMap((text, index) => validateCidr(`spec.cidrs[${index}]`, text))
    const families = cidrs.map(text => parseCidr(text)?.address.family)
    if (families.length === 2 && families[0] === families[1]) {
      errors.push(invalid('spec.cidrs', cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'))
    }
    return errors
  },
  update: { ...base.update, validate: (next, old) => {
    const [now, before] = [cidrsOf(next), cidrsOf(old)]
    return before.every((text, index) => now[index] === text) ? [] : [forbidden('spec.cidrs', 'existing CIDRs may not be changed')]
  } },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  table: SERVICE_CIDR_TABLE,
})
