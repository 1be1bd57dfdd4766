// Cluster roles with an aggregationRule hold the rules of all cluster roles that it selects.

import { cloneJson, equalJson, type ApiObject } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selectors/label-selector.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { PolicyRule } from './rules.ts'

/** Writes what has changed; `roles` are all cluster roles there are. */
export async function aggregateRoles(objects: ObjectStore, resource: ApiResource, roles: Iterable<ApiObject>, signal: AbortSignal): Promise<void> {
  const all = [...roles].sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
  for (const role of all) {
    if (role['aggregationRule'] === undefined) continue
    const wanted = aggregatedRules(role, all)
    if (equalJson(role['rules'] ?? [], wanted)) continue
    await objects.update(resource, { namespace: '', name: role.metadata.name! }, old => {
      if (old['aggregationRule'] === undefined || equalJson(old['rules'] ?? [], wanted)) return { kind: 'unchanged' }
      return { kind: 'put', object: { ...cloneJson(old), rules: wanted } }
    }, { signal })
  }
}

/** The union of the selected roles' rules, in the order of their names, without repetition. */
export function aggregatedRules(role: ApiObject, all: readonly ApiObject[]): readonly PolicyRule[] {
  const selectors = ((role['aggregationRule'] as { clusterRoleSelectors?: readonly unknown[] }).clusterRoleSelectors ?? []).map(labelSelectorOf)
  const rules: PolicyRule[] = []
  for (const candidate of all) {
    if (candidate.metadata.name === role.metadata.name) continue
    if (!selectors.some(selector => selector !== undefined && matchesLabels(selector, candidate.metadata.labels))) continue
    for (const rule of (candidate['rules'] ?? []) as readonly PolicyRule[]) if (!rules.some(present => equalJson(present, rule))) rules.push(rule)
  }
  return rules
}
