// What the table's sets are to hold, from the attachments that live. Whole, never a delta: a claim that another one hid
// comes back by itself when that one goes.

import { addressToBytes, type Family } from '../../../src/net/ip/address.ts'
import { prefixOf } from '../../../src/net/ip/prefix.ts'
import type { Element } from '../../../src/net/nfnetlink/objects.ts'
import type { Attachment, PortClaim } from '../attachment/attachment.ts'
import { conditionsId } from './condition-expressions.ts'
import { addressKey, anywhereKey, nameKey, senderKey, subnetRange, targetValue, translatedKey } from './keys.ts'
import { ownerComment } from './owner.ts'
import { SET_NAMES, type Conditions, type SetName, type TableKey } from './tables.ts'

/** Elements by their key in hex, so that two plans can be compared. */
export type Elements = Readonly<Record<SetName, ReadonlyMap<string, Element>>>

/** Unspecified means any address of that family; an address of the other family means nothing here. */
export function planElements(attachments: readonly Attachment[], key: TableKey): Elements {
  const sets = Object.fromEntries(SET_NAMES.map(name => [name, new Map<string, Element>()])) as Record<SetName, Map<string, Element>>
  // Elements of the other tables' sets stay empty.
  const put = (set: SetName, element: Element): void => {
    sets[set].set(Buffer.from(element.key).toString('hex'), element)
  }
  // Oldest first, so that the newest claim of a port stands: a pod made anew must be reached before its predecessor is deleted.
  for (const attachment of attachments.filter(isLive).toSorted((a, b) => (a.startedNs < b.startedNs ? -1 : 1))) {
    const comment = ownerComment(attachment)
    if (key === 'bridge') {
      putGuard(put, attachment, comment)
      continue
    }
    const family = key
    for (const claim of attachment.ports) if (claim.target.family === family && matchesFamily(claim, family)) putClaim(put, claim, comment)
    const reachable = attachment.addresses.filter(({ address }) => address.family === family)
    for (const { address, prefixLength } of reachable) {
      if (attachment.masquerade) put('masquerade-pods', { key: addressToBytes(address), comment })
      if (attachment.masquerade || attachment.ports.length > 0) put('pod-subnets', { ...subnetRange(address, prefixOf(address, prefixLength)), comment })
    }
  }
  return sets
}

const isLive = (attachment: Attachment): boolean => attachment.state !== 'deleting'
const matchesFamily = (claim: PortClaim, family: Family): boolean => claim.hostIp === undefined || claim.hostIp.family === family

function putClaim(put: (set: SetName, element: Element) => void, claim: PortClaim, comment: string): void {
  const { protocol, hostPort, hostIp, target, containerPort } = claim
  const data = targetValue(target, containerPort)
  const anywhere = hostIp === undefined || hostIp.bits === 0n
  const address = anywhere ? anywhereKey(protocol, hostPort) : addressKey(hostIp, protocol, hostPort)
  if (claim.conditions.length === 0) put(anywhere ? 'hostports' : 'hostports-at', { key: address, data, comment })
  else put(anywhere ? 'hostports-if' : 'hostports-at-if', { key: Uint8Array.from([...address, ...conditionsId(claim.conditions)]), data, comment })
  const translated = { key: translatedKey(protocol, hostPort, target, containerPort), comment }
  if (claim.masqueradeAll) put('masquerade-all', translated)
  else if (claim.snat) put('masquerade-local', translated)
}

/** A pod that is held to its MAC: its port is guarded, and the one MAC passes there. */
function putGuard(put: (set: SetName, element: Element) => void, { link }: Attachment, comment: string): void {
  if (link?.onlyMac === undefined) return
  put('guarded-ports', { key: nameKey(link.host), comment })
  put('port-senders', { key: senderKey(link.host, link.onlyMac), comment })
}

/** Distinct lists of conditions of a family's host ports, in an order that depends on nothing else. */
export function planConditions(attachments: readonly Attachment[], key: TableKey): Conditions {
  if (key === 'bridge') return []
  const lists = attachments.filter(isLive).flatMap(({ ports }) => ports).filter(claim => claim.target.family === key && claim.conditions.length > 0).map(claim => claim.conditions)
  const byId = new Map(lists.map(list => [Buffer.from(conditionsId(list)).toString('hex'), list]))
  return [...byId].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, list]) => list)
}

export const isEmpty = (elements: Elements): boolean => SET_NAMES.every(name => elements[name].size === 0)

/** What to add and what to delete so that `from` becomes `to`; an element whose value or comment changed is in both. */
export function planElementChanges(from: Elements, to: Elements): readonly Readonly<{ set: SetName; remove: readonly Element[]; add: readonly Element[] }>[] {
  return SET_NAMES.map(set => ({
    set,
    remove: [...from[set]].filter(([key, element]) => !same(to[set].get(key), element)).map(([, element]) => element),
    add: [...to[set]].filter(([key, element]) => !same(from[set].get(key), element)).map(([, element]) => element),
  }))
}

const same = (a: Element | undefined, b: Element): boolean => a !== undefined && formatElement(a) === formatElement(b)

const formatElement = ({ key, keyEnd, data, comment }: Element): string => {
  const hex = (bytes: Element['data']): string => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : '')
  return [hex(key), hex(keyEnd), hex(data), comment].join(' ')
}
