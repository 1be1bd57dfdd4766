// RBAC rules and what they allow. Pure. Semantics: k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go.

import type { Attributes } from './attributes.ts'

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export type PolicyRule = Readonly<{
  verbs: readonly string[]
  apiGroups?: readonly string[]
  resources?: readonly string[]
  resourceNames?: readonly string[]
  nonResourceURLs?: readonly string[]
}>

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!matches(rule.verbs, attributes.verb)) return false
  if (attributes.kind === 'path') return (rule.nonResourceURLs ?? []).some(pattern => pathMatches(pattern, attributes.path))
  const { group, plural, subresource, name } = attributes
  if (!matches(rule.apiGroups, group)) return false
  const wanted = subresource === '' ? plural : `${plural}/${subresource}`
  const resource = (rule.resources ?? []).some(candidate => candidate === '*' || candidate === wanted || (subresource !== '' && candidate === `*/${subresource}`))
  const names = rule.resourceNames ?? []
  return resource && (names.length === 0 || (name !== '' && names.includes(name)))
}

const matches = (list: readonly string[] | undefined, value: string): boolean => list !== undefined && (list.includes('*') || list.includes(value))

const pathMatches = (pattern: string, path: string): boolean =>
  pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))

/** True when `held` allow everything that `wanted` allows (k8s.io/component-helpers/auth/rbac/validation Covers). */
export const covers = (held: readonly PolicyRule[], wanted: PolicyRule): boolean => breakdown(wanted).every(single => held.some(rule => coversSingle(rule, single)))

/** One verb, one group, one resource, one name each. */
export function breakdown(rule: PolicyRule): readonly PolicyRule[] {
  const singles: PolicyRule[] = []
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) singles.push({ verbs: [verb], nonResourceURLs: [url] })
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const names = rule.resourceNames ?? []
        if (names.length === 0) singles.push({ verbs: [verb], apiGroups: [group], resources: [resource] })
        for (const name of names) singles.push({ verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] })
      }
    }
  }
  return singles
}

function coversSingle(rule: PolicyRule, single: PolicyRule): boolean {
  if (!matches(rule.verbs, single.verbs[0]!)) return false
  const [url] = single.nonResourceURLs ?? []
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some(pattern => pattern === url || pathMatches(pattern, url))
  const [resource] = single.resources!
  const subresource = resource!.split('/')[1]
  if (!matches(rule.apiGroups, single.apiGroups![0]!)) return false
  const resourceCovered = (rule.resources ?? []).some(candidate => candidate === '*' || candidate === resource || (subresource !== undefined && candidate === `*/${subresource}`))
  const names = rule.resourceNames ?? []
  const [name] = single.resourceNames ?? []
  return resourceCovered && (names.length === 0 || (name !== undefined && names.includes(name)))
}
