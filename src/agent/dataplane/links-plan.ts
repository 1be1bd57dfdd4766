// Links: which to make, make again, adjust in place or take away.

import { sameAddress } from '../../net/ip/address.ts'
import type { DesiredLink, DesiredState } from './desired.ts'
import type { ObservedLink, ObservedState } from './observed.ts'
import { linkKey, type Step } from './step.ts'

export function planLinks(desired: DesiredState, observed: ObservedState): readonly Step[] {
  const byName = new Map(observed.links.map(link => [link.name, link]))
  const steps: Step[] = []
  for (const name of desired.ownLinkNames) {
    const present = byName.get(name)
    if (present !== undefined && !desired.links.some(link => link.name === name)) steps.push(removal(present, 'stray'))
  }
  for (const link of desired.links) steps.push(...planLink(link, byName))
  return steps
}

function planLink(link: DesiredLink, byName: ReadonlyMap<string, ObservedLink>): readonly Step[] {
  const present = byName.get(link.name)
  const key = linkKey(link.name)
  // A TUN device lives as long as its file descriptor: whoever holds that makes it.
  if (present === undefined) return link.shape.kind === 'tun' ? [] : creation(link, 'missing')
  // A link of that name and another kind is somebody else's: the attempt to make ours says so.
  if ((link.shape.kind === 'ipip' || link.shape.kind === 'wireguard') && present.kind !== link.shape.kind) return [{ action: { op: 'create-link', link }, reason: 'differs', key, peer: undefined }]
  if (!sameShape(link, present, byName)) {
    return [removal(present, 'differs'), ...creation(link, 'differs')]
  }
  const set = {
    ...(present.mtu === link.mtu ? {} : { mtu: link.mtu }),
    ...(link.mac === undefined || present.mac === link.mac ? {} : { mac: link.mac }),
    ...(present.up ? {} : { up: true as const }),
    ...(link.txChecksum === undefined || present.txChecksum === undefined || present.txChecksum === link.txChecksum ? {} : { txChecksum: link.txChecksum }),
  }
  return Object.keys(set).length === 0 ? [] : [{ action: { op: 'configure-link', link, set }, reason: 'differs', key, peer: undefined }]
}

/** A new link computes checksums in its driver until told otherwise. */
const creation = (link: DesiredLink, reason: 'missing' | 'differs'): readonly Step[] => [
  { action: { op: 'create-link', link }, reason, key: linkKey(link.name), peer: undefined },
  ...(link.txChecksum === false ? [{ action: { op: 'configure-link', link, set: { txChecksum: false } }, reason, key: linkKey(link.name), peer: undefined } as const] : []),
]

const removal = (link: ObservedLink, reason: 'stray' | 'differs'): Step => ({
  action: { op: 'remove-link', name: link.name, ifindex: link.ifindex },
  reason,
  key: linkKey(link.name),
  peer: undefined,
})

/** True when every property that the kernel fixes at creation is as desired. */
function sameShape(link: DesiredLink, present: ObservedLink, byName: ReadonlyMap<string, ObservedLink>): boolean {
  const { shape } = link
  switch (shape.kind) {
    case 'vxlan': {
      const { vxlan } = present
      return (
        vxlan !== undefined &&
        vxlan.vni === shape.vni &&
        vxlan.parentIfindex === byName.get(shape.parent)?.ifindex &&
        vxlan.local !== undefined &&
        sameAddress(vxlan.local, shape.local) &&
        vxlan.port === shape.port &&
        vxlan.learning === shape.learning &&
        vxlan.gbp === shape.gbp &&
        !vxlan.foreignOptions
      )
    }
    case 'ipip': {
      const { ipip } = present
      return ipip !== undefined && ipip.remote === undefined && ipip.local !== undefined && sameAddress(ipip.local, shape.local)
    }
    case 'wireguard':
    case 'tun':
      return present.kind === shape.kind
    default:
      return shape satisfies never
  }
}
