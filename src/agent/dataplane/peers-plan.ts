// Neighbours and FDB entries on our own links: exactly one of each per peer, after whatever happened before.

import { sameAddress } from '../../net/ip/address.ts'
import type { DesiredState } from './desired.ts'
import type { ObservedFdbEntry, ObservedNeighbour, ObservedState } from './observed.ts'
import { fdbKey, neighbourKey, type Step } from './step.ts'

export function planPeers(desired: DesiredState, observed: ObservedState): readonly Step[] {
  const ours = new Map(observed.links.filter(link => desired.links.some(({ name }) => name === link.name)).map(link => [link.ifindex, link.name]))
  return [...planNeighbours(desired, observed, ours), ...planFdb(desired, observed, ours)]
}

type OurLinks = ReadonlyMap<number, string>

function planNeighbours(desired: DesiredState, observed: ObservedState, ours: OurLinks): readonly Step[] {
  const present = new Map(observed.neighbours.flatMap((neighbour): readonly [string, ObservedNeighbour][] => {
    const link = ours.get(neighbour.ifindex)
    return link === undefined ? [] : [[neighbourKey(link, neighbour), neighbour]]
  }))
  const wanted = new Set(desired.neighbours.map(neighbour => neighbourKey(neighbour.link, neighbour)))
  const puts = desired.neighbours.flatMap((neighbour): readonly Step[] => {
    const key = neighbourKey(neighbour.link, neighbour)
    const found = present.get(key)
    if (found !== undefined && found.permanent && found.mac === neighbour.mac) return []
    return [{ action: { op: 'put-neighbour', neighbour }, reason: found === undefined ? 'missing' : 'differs', key, peer: neighbour.peer }]
  })
  if (!desired.complete) return puts
  // Entries the kernel itself learns or is resolving come and go; only permanent ones can be leftovers of ours.
  const stray = [...present].filter(([key, neighbour]) => neighbour.permanent && !wanted.has(key))
  return [...puts, ...stray.map(([key, neighbour]): Step => ({ action: { op: 'remove-neighbour', neighbour }, reason: 'stray', key, peer: undefined }))]
}

function planFdb(desired: DesiredState, observed: ObservedState, ours: OurLinks): readonly Step[] {
  const present = new Map<string, ObservedFdbEntry[]>()
  for (const entry of observed.fdb) {
    const link = ours.get(entry.ifindex)
    // An entry without a remote address is the bridge's or the link's own, never a peer's.
    if (link === undefined || entry.destination === undefined) continue
    const key = fdbKey(link, entry)
    const others = present.get(key)
    if (others === undefined) present.set(key, [entry])
    else others.push(entry)
  }
  const steps: Step[] = []
  const wanted = new Set<string>()
  for (const entry of desired.fdb) {
    const key = fdbKey(entry.link, entry)
    wanted.add(key)
    const found = present.get(key) ?? []
    const right = found.filter(candidate => candidate.permanent && sameAddress(candidate.destination!, entry.destination))
    if (right.length === 0) {
      // A unicast MAC has one remote, which a put replaces (vxlan_fdb_update_existing in drivers/net/vxlan/vxlan_core.c).
      steps.push({ action: { op: 'put-fdb', entry }, reason: found.length === 0 ? 'missing' : 'differs', key, peer: entry.peer })
      continue
    }
    for (const wrong of found.filter(candidate => !sameAddress(candidate.destination!, entry.destination))) {
      steps.push({ action: { op: 'remove-fdb', entry: wrong }, reason: 'stray', key, peer: entry.peer })
    }
  }
  if (!desired.complete) return steps
  for (const [key, entries] of present) {
    if (!wanted.has(key)) steps.push(...entries.filter(entry => entry.permanent).map((entry): Step => ({ action: { op: 'remove-fdb', entry }, reason: 'stray', key, peer: undefined })))
  }
  return steps
}
