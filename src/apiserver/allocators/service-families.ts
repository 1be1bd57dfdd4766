// Which address families a Service gets, from what it asks for and what the cluster has
// (initIPFamilyFields of pkg/registry/core/service/storage/alloc.go).

import type { ServiceSpec } from 'kubernetes-types/core/v1.d.ts'
import { equalJson } from '../../api/object.ts'
import { invalid, type FieldError } from '../../api/status/field-error.ts'
import { isHeadless, needsClusterIp } from '../../api/strategies/service/service.ts'
import { tryParseAddress, type Family } from '../../net/ip/address.ts'

export type FamilyName = 'IPv4' | 'IPv6'
export const familyName = (family: Family): FamilyName => (family === 4 ? 'IPv4' : 'IPv6')
const otherFamily = (family: string): FamilyName => (family === 'IPv4' ? 'IPv6' : 'IPv4')

/**
 * Settles ipFamilyPolicy and ipFamilies of a draft; trims what a change to SingleStack gives up. `configured` names
 * the cluster's families, primary first. Answers why it cannot be.
 */
export function settleFamilies(spec: ServiceSpec, old: ServiceSpec | undefined, configured: readonly FamilyName[]): readonly FieldError[] {
  if (!needsClusterIp(spec)) return []
  if (old !== undefined && staysPreferDualStack(spec, old)) return []
  const errors: FieldError[] = []
  if (old !== undefined && needsClusterIp(old)) errors.push(...releaseSecondary(spec, old))
  if ((spec.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack') errors.push(...refuseTwoOfSingleStack(spec))
  errors.push(...inferFamilies(spec, configured))
  if (errors.length > 0) return errors
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
    settleHeadlessWithoutSelector(spec, configured[0]!)
    return []
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
  }
  spec.ipFamilies?.forEach((family, index) => {
    if (!configured.includes(family as FamilyName)) errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'))
  })
  if (errors.length > 0) return errors
  spec.ipFamilyPolicy ??= 'SingleStack'
  if ((spec.ipFamilies?.length ?? 0) === 0) spec.ipFamilies = [configured[0]!]
  if (spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies!.length === 1 && configured.length === 2) {
    spec.ipFamilies!.push(otherFamily(spec.ipFamilies![0]!))
  }
  return []
}

/** A Service that merely prefers dual stack is not changed because the cluster did. */
const staysPreferDualStack = (spec: ServiceSpec, old: ServiceSpec): boolean =>
  needsClusterIp(old) && spec.ipFamilyPolicy === 'PreferDualStack' && old.ipFamilyPolicy === 'PreferDualStack' &&
  equalJson(spec.clusterIPs ?? [], old.clusterIPs ?? []) && equalJson(spec.ipFamilies ?? [], old.ipFamilies ?? [])

function releaseSecondary(spec: ServiceSpec, old: ServiceSpec): readonly FieldError[] {
  if ((spec.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack') {
    if (equalJson(spec.clusterIPs ?? [], old.clusterIPs ?? []) && (spec.clusterIPs?.length ?? 0) > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1)
    if (equalJson(spec.ipFamilies ?? [], old.ipFamilies ?? []) && (spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1)
    return []
  }
  const reduced = (next: readonly string[] = [], before: readonly string[] = []): boolean => next.length === 1 && before.length === 2
  const errors: FieldError[] = []
  if (reduced(spec.clusterIPs, old.clusterIPs)) {
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"))
  }
  if (reduced(spec.ipFamilies, old.ipFamilies)) {
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"))
  }
  return errors
}

function refuseTwoOfSingleStack(spec: ServiceSpec): readonly FieldError[] {
  const refuse = (what: string): FieldError =>
    invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`)
  return [
    ...((spec.clusterIPs?.length ?? 0) === 2 ? [refuse('cluster IPs')] : []),
    ...((spec.ipFamilies?.length ?? 0) === 2 ? [refuse('IP families')] : []),
  ]
}

function inferFamilies(spec: ServiceSpec, configured: readonly FamilyName[]): readonly FieldError[] {
  const errors: FieldError[] = []
  for (const [index, text] of (spec.clusterIPs ?? []).entries()) {
    const address = tryParseAddress(text)
    if (address === undefined) break
    const family = familyName(address.family)
    if (!configured.includes(family)) {
      errors.push(invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`))
    } else if (index >= (spec.ipFamilies?.length ?? 0)) {
      spec.ipFamilies = [...(spec.ipFamilies ?? []), family]
    }
  }
  return errors
}

/** Endpoints of such a Service come from its owner, who may use families that the cluster has no Services for. */
function settleHeadlessWithoutSelector(spec: ServiceSpec, primary: FamilyName): void {
  spec.ipFamilyPolicy ??= 'RequireDualStack'
  if ((spec.ipFamilies?.length ?? 0) === 0) spec.ipFamilies = [primary]
  if (spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies!.length < 2) spec.ipFamilies!.push(otherFamily(spec.ipFamilies![0]!))
}
