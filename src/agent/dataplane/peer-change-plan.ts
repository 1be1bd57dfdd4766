// The steps for a change of peers on a host that is otherwise known to be as desired: what few peers need, however many there
// are. The whole comparison (plan.ts) gives the same result and takes over whenever anything else may have changed. Pure.

import type { DesiredState } from './desired.ts'
import { signaturesOf, type Established } from './established.ts'
import { fdbKey, neighbourKey, routeKey, type Step } from './step.ts'

/** linux/rtnetlink.h RTPROT_UNSPEC: a removal takes the route whoever made it; one that a flannel left may have been adopted. */
const RTPROT_ANY = 0

/** What some peers need in the kernel. */
export type PeerObjects = Pick<DesiredState, 'routes' | 'neighbours' | 'fdb'>

export type PeerChange = Readonly<{
  /** Needed so far by the peers that go or change. */
  before: PeerObjects
  /** Needed from now on by those that come or change. */
  now: PeerObjects
  ifindexOf: (link: string) => number | undefined
}>

/** Undefined when a link is not there: then only a look at the whole tells. */
export function planPeerChange({ before, now, ifindexOf }: PeerChange): readonly Step[] | undefined {
  const objects = [before, now].flatMap(({ routes, neighbours, fdb }) => [...routes, ...neighbours, ...fdb])
  const links = new Map(objects.map(({ link }) => [link, ifindexOf(link)]))
  if ([...links.values()].includes(undefined)) return undefined
  const ifindex = (link: string): number => links.get(link)!
  const [former, wanted] = [signaturesOf(before), signaturesOf(now)]
  const isNew = (key: string): boolean => former.get(key) !== wanted.get(key)
  const put = (key: string, peer: string | undefined, action: Step['action']): Step => ({ action, reason: former.has(key) ? 'differs' : 'missing', key, peer })
  const remove = (key: string, action: Step['action']): Step => ({ action, reason: 'stray', key, peer: undefined })
  const isGone = (key: string): boolean => !wanted.has(key)
  return [
    ...now.neighbours.map(one => put(neighbourKey(one.link, one), one.peer, { op: 'put-neighbour', neighbour: one })).filter(({ key }) => isNew(key)),
    ...before.neighbours.map(one => remove(neighbourKey(one.link, one), { op: 'remove-neighbour', neighbour: { ifindex: ifindex(one.link), address: one.address, mac: one.mac, permanent: true } })).filter(({ key }) => isGone(key)),
    ...now.fdb.map(one => put(fdbKey(one.link, one), one.peer, { op: 'put-fdb', entry: one })).filter(({ key }) => isNew(key)),
    ...before.fdb.map(one => remove(fdbKey(one.link, one), { op: 'remove-fdb', entry: { ifindex: ifindex(one.link), mac: one.mac, destination: one.destination, permanent: true } })).filter(({ key }) => isGone(key)),
    ...now.routes.map(one => put(routeKey(one), one.peer, { op: 'put-route', route: one })).filter(({ key }) => isNew(key)),
    // Removals of routes last, as in the whole plan.
    ...before.routes.map(one => remove(routeKey(one), {
      op: 'remove-route',
      route: {
        destination: one.destination, gateway: one.gateway, ifindex: ifindex(one.link), protocol: RTPROT_ANY, metric: one.destination.family === 6 ? 1024 : 0,
        onlink: one.onlink, mtu: one.mtu, multipath: false, blackhole: false, plain: true,
      },
    })).filter(({ key }) => isGone(key)),
  ]
}

/** `established` after the change. */
export function establishedAfter(established: Established, { before, now }: PeerChange): Established {
  const after = new Map(established)
  for (const key of signaturesOf(before).keys()) after.delete(key)
  for (const [key, signature] of signaturesOf(now)) after.set(key, signature)
  return after
}
