// Tells a repair from a change of mind: what the last complete pass left in the kernel, and as what.

import type { DesiredState } from './desired.ts'
import { addressKey, fdbKey, linkKey, neighbourKey, routeKey, sysctlKey, type Step } from './step.ts'

/** Key of every desired object, with its value as text. */
export type Established = ReadonlyMap<string, string>

const text = (value: unknown): string => JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? `${member}n` : member))

export function establishedBy(desired: DesiredState): Established {
  return new Map([
    ...desired.links.map(link => [linkKey(link.name), text(link)] as const),
    ...desired.links.flatMap(link => link.addresses.map(value => [addressKey(link.name, value), ''] as const)),
    ...desired.sysctls.map(sysctl => [sysctlKey(sysctl), sysctl.value] as const),
    ...desired.neighbours.map(neighbour => [neighbourKey(neighbour.link, neighbour), text(neighbour)] as const),
    ...desired.fdb.map(entry => [fdbKey(entry.link, entry), text(entry)] as const),
    ...desired.routes.map(route => [routeKey(route), text(route)] as const),
  ])
}

/**
 * Of `steps`, those that undo what somebody else did: the object was in place as it is desired now, or was never
 * desired at all. `before` is undefined until a pass has succeeded, and then nothing counts.
 */
export function repairsAmong(steps: readonly Step[], before: Established | undefined, now: Established): readonly Step[] {
  if (before === undefined) return []
  return steps.filter(({ key }) => before.get(key) === now.get(key))
}
