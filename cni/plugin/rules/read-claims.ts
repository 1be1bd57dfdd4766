// What the tables still know of attachments whose records were lost: the elements say whose they are in their comments.

import { ADDRESS_BYTES, addressFromBits, addressFromBytes, sameAddress, type Address, type Family } from '../../../src/net/ip/address.ts'
import { macFromBytes, type Mac } from '../../../src/net/ip/mac.ts'
import { PROTOCOL_NUMBER, PROTOCOLS, type Port } from '../../../src/net/ip/port.ts'
import type { Element, Rule } from '../../../src/net/nfnetlink/objects.ts'
import type { PortClaim } from '../attachment/attachment.ts'
import type { AttachmentId } from '../attachment/names.ts'
import { readConditions, type Condition } from '../config/conditions.ts'
import { conditionsId } from './condition-expressions.ts'
import { nameKey, translatedKey } from './keys.ts'
import { ownerComment } from './owner.ts'
import type { SetName, TableKey } from './tables.ts'

/** Content of one table as it was found; sets that it lacks are absent. */
export type FoundTable = Readonly<{ sets: ReadonlyMap<SetName, readonly Element[]>; rules: readonly Rule[] }>
export type FoundTables = ReadonlyMap<TableKey, FoundTable>

/** Host ports that lead to one of `addresses` under the attachment's name, and whether the pod is masqueraded. */
export function readClaims(found: FoundTables, id: AttachmentId, addresses: readonly Address[]): Readonly<{ ports: readonly PortClaim[]; masquerade: boolean }> {
  const owner = ownerComment(id)
  const tables = ([4, 6] as const).map(family => ({ family, table: found.get(family) }))
  const elementsOf = (table: FoundTable | undefined, set: SetName): readonly Element[] => (table?.sets.get(set) ?? []).filter(element => element.comment === owner)
  const ports = tables.flatMap(({ family, table }) => PORT_SETS.flatMap(set => elementsOf(table, set).flatMap(element => readClaim(element, { set, family, table: table! }) ?? [])))
  return {
    ports: ports.filter(claim => addresses.some(address => sameAddress(address, claim.target))),
    masquerade: tables.some(({ table }) => elementsOf(table, 'masquerade-pods').some(({ key }) => addresses.some(address => sameAddress(address, addressFromBytes(key))))),
  }
}

const PORT_SETS = ['hostports', 'hostports-at', 'hostports-if', 'hostports-at-if'] as const

/** The MAC that this port is held to. */
export function readOnlyMac(found: FoundTables, port: string): Mac | undefined {
  const name = Buffer.from(nameKey(port))
  const sender = found.get('bridge')?.sets.get('port-senders')?.find(({ key }) => name.equals(key.subarray(0, name.length)))
  return sender && macFromBytes(sender.key.subarray(name.length, name.length + 6))
}

/** Undefined for an element that we would not have written, or whose conditions are no longer known. */
function readClaim(element: Element, from: Readonly<{ set: (typeof PORT_SETS)[number]; family: Family; table: FoundTable }>): PortClaim | undefined {
  const { set, family, table } = from
  const [key, data] = [Buffer.from(element.key), element.data instanceof Uint8Array ? Buffer.from(element.data) : undefined]
  const addressBytes = ADDRESS_BYTES[family]
  const at = set.startsWith('hostports-at') ? addressBytes : 0
  const protocol = PROTOCOLS.find(each => PROTOCOL_NUMBER[each] === key[at])
  const conditions = set.endsWith('-if') ? conditionsOf(table.rules, key.subarray(at + 8), family) : []
  if (protocol === undefined || conditions === undefined || data === undefined || data.length < addressBytes + 2) return undefined
  const hostPort = key.readUInt16BE(at + 4) as Port
  const target = addressFromBytes(data.subarray(0, addressBytes))
  const containerPort = data.readUInt16BE(addressBytes) as Port
  const translated = Buffer.from(translatedKey(protocol, hostPort, target, containerPort))
  const among = (name: SetName): boolean => table.sets.get(name)?.some(each => translated.equals(each.key)) ?? false
  return {
    protocol, hostPort, containerPort, target, conditions,
    // Any address of this family: that the claim was made for both shows in the other family's table.
    hostIp: at > 0 ? addressFromBytes(key.subarray(0, at)) : addressFromBits(family, 0n),
    masqueradeAll: among('masquerade-all'), snat: among('masquerade-all') || among('masquerade-local'),
  }
}

/** Rules carry their conditions' words as a comment; a list that was too long for one is not known any more. */
function conditionsOf(rules: readonly Rule[], id: Buffer, family: Family): readonly Condition[] | undefined {
  for (const { comment } of rules) {
    const conditions = comment === undefined ? undefined : tryReadConditions(comment, family)
    if (conditions !== undefined && id.equals(conditionsId(conditions))) return conditions
  }
  return undefined
}

function tryReadConditions(comment: string, family: Family): readonly Condition[] | undefined {
  try {
    return readConditions([comment], { field: 'comment', family })
  } catch {
    return undefined // cut, or somebody else's
  }
}
