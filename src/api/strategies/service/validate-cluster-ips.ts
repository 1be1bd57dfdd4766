// The linked fields clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy. Checked on their own before allocation,
// which may then rely on them, and again with the rest (ValidateServiceClusterIPsRelatedFields).

import type { ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import { tryParseAddress } from '../../../net/ip/address.ts'
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { validateIp } from '../../metadata/validate-ip.ts'
import { CLUSTER_IP_NONE, needsClusterIp } from './service.ts'

const FAMILIES = ['IPv4', 'IPv6'] as const
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const

export function validateClusterIpFields(spec: ServiceSpec, old: ServiceSpec | undefined): readonly FieldError[] {
  if (!needsClusterIp(spec)) return refuseForExternalName(spec)
  const errors: FieldError[] = []
  const families = spec.ipFamilies ?? []
  const seen = new Set<string>()
  families.forEach((family, index) => {
    if (!FAMILIES.includes(family as 'IPv4')) errors.push(notSupported(`spec.ipFamilies[${index}]`, family, FAMILIES))
    if (seen.has(family)) errors.push(duplicate(`spec.ipFamilies[${index}]`, family))
    seen.add(family)
  })
  if (spec.ipFamilyPolicy !== undefined && !POLICIES.includes(spec.ipFamilyPolicy as 'SingleStack')) {
    errors.push(notSupported('spec.ipFamilyPolicy', spec.ipFamilyPolicy, POLICIES))
  }
  errors.push(...validateAddresses(spec, old))
  if (old !== undefined) errors.push(...validateUnchangedPrimary(spec, old))
  return errors
}

function refuseForExternalName(spec: ServiceSpec): readonly FieldError[] {
  const refused = (field: string): FieldError => forbidden(`spec.${field}`, 'may not be set for ExternalName services')
  return [
    ...((spec.clusterIPs?.length ?? 0) > 0 || (spec.clusterIP ?? '') !== '' ? [refused('clusterIPs')] : []),
    ...((spec.ipFamilies?.length ?? 0) > 0 ? [refused('ipFamilies')] : []),
    ...(spec.ipFamilyPolicy === undefined ? [] : [refused('ipFamilyPolicy')]),
  ]
}

function validateAddresses(spec: ServiceSpec, old: ServiceSpec | undefined): readonly FieldError[] {
  const errors: FieldError[] = []
  const path = 'spec.clusterIPs'
  const list = spec.clusterIPs ?? []
  const single = spec.clusterIP ?? ''
  if (single === '' && list.length > 0) errors.push(invalid(path, list, 'must be empty when `clusterIP` is not specified'))
  if (single !== '' && list.length === 0) errors.push(required(path))
  if (single !== '' && list.length > 0 && list[0] !== single) errors.push(invalid(path, list, 'first value must match `clusterIP`'))
  const isNone = (text: string): boolean => text === CLUSTER_IP_NONE
  if (list.length > 1 && list.some(isNone)) {
    errors.push(invalid(path, list, "'None' must be the first and only value"))
    return errors
  }
  if (list.length === 1 && isNone(list[0]!)) {
    if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
      errors.push(invalid(`${path}[0]`, CLUSTER_IP_NONE, `may not be set to 'None' for ${spec.type} services`))
    }
    return errors
  }
  if (list.length > 2) errors.push(invalid(path, list, 'may only hold up to 2 values'))
  const known = new Set(old?.clusterIPs)
  const found = new Set<number>()
  let doubled = false
  list.forEach((text, index) => {
    errors.push(...validateIp(`${path}[${index}]`, text, { grandfathered: known.has(text) }))
    const address = tryParseAddress(text)
    if (address === undefined) return
    doubled ||= found.has(address.family)
    found.add(address.family)
    const expected = spec.ipFamilies?.[index]
    if (expected !== undefined && expected !== `IPv${address.family}`) {
      errors.push(invalid(`${path}[${index}]`, text, `expected an ${expected} value as indicated by \`ipFamilies[${index}]\``))
    }
  })
  if (doubled && list.length === 2) errors.push(invalid(path, list, 'may specify no more than one IP for each IP family'))
  return errors
}

function validateUnchangedPrimary(spec: ServiceSpec, old: ServiceSpec): readonly FieldError[] {
  if (!needsClusterIp(old)) return []
  const errors: FieldError[] = []
  const before = old.clusterIPs?.[0] ?? old.clusterIP ?? ''
  const after = spec.clusterIPs?.[0] ?? ''
  if (before !== '' && after === '') errors.push(invalid('spec.clusterIPs[0]', spec.clusterIPs, 'primary clusterIP can not be unset'))
  else if (before !== '' && before !== after) errors.push(invalid('spec.clusterIPs[0]', spec.clusterIPs, 'may not change once set'))
  const family = old.ipFamilies?.[0]
  const nextFamily = spec.ipFamilies?.[0]
  if (family !== undefined && nextFamily !== undefined && family !== nextFamily) {
    errors.push(invalid('spec.ipFamilies[0]', spec.ipFamilies, 'may not change once set'))
  }
  const second = old.clusterIPs?.[1]
  const nextSecond = spec.clusterIPs?.[1]
  if (second !== undefined && nextSecond !== undefined && second !== nextSecond) {
    errors.push(invalid('spec.clusterIPs[1]', spec.clusterIPs, 'may not change once set'))
  }
  return errors
}
