// Conditions of host ports as expressions of the packet filter, and the number that stands for a list of them in the maps.

import { createHash } from 'node:crypto'
import { addressToBytes } from '../../../src/net/ip/address.ts'
import { networkAddress, type Prefix } from '../../../src/net/ip/prefix.ts'
import type { Expression } from '../../../src/net/nfnetlink/expressions/expression.ts'
import { register } from '../../../src/net/nfnetlink/registers.ts'
import { formatConditions, type Condition } from '../config/conditions.ts'
import { HEADER } from './header.ts'

/** Four bytes that follow from the conditions alone. */
export const conditionsId = (conditions: readonly Condition[]): Uint8Array =>
  Uint8Array.from(createHash('sha256').update(JSON.stringify(formatConditions(conditions))).digest().subarray(0, 4))

/** As a comment of a rule, cut to what fits (NFT_USERDATA_MAXLEN 256, and 128 characters in older nft programs). */
export const conditionsText = (conditions: readonly Condition[]): string => formatConditions(conditions).join(' ').slice(0, MOST_COMMENT)
const MOST_COMMENT = 127

/** Ends the rule unless all of them hold. Uses the first registers only, each for a moment. */
export const conditionExpressions = (conditions: readonly Condition[]): readonly Expression[] => conditions.flatMap(expressionsOf)

function expressionsOf(condition: Condition): readonly Expression[] {
  const op = condition.not ? 'neq' : 'eq'
  const at = register(0)
  switch (condition.kind) {
    case 'source':
    case 'destination':
      return addressExpressions(condition.kind, condition.prefix, op)
    case 'interface': {
      const name = Buffer.from(condition.name)
      // A comparison of fewer bytes than the name has matches every name that begins so.
      return [{ kind: 'meta', dreg: at, key: 'iifname' }, { kind: 'cmp', sreg: at, op, data: condition.prefix ? Uint8Array.from(name) : zeroPadded(name) }]
    }
    case 'mark':
      return [
        { kind: 'meta', dreg: at, key: 'mark' },
        { kind: 'bitwise', sreg: at, dreg: at, length: 4, mask: hostU32(condition.mask), xor: hostU32(0) },
        { kind: 'cmp', sreg: at, op, data: hostU32(condition.value) },
      ]
    default:
      return condition satisfies never
  }
}

function addressExpressions(which: 'source' | 'destination', prefix: Prefix, op: 'eq' | 'neq'): readonly Expression[] {
  const at = register(0)
  const network = addressToBytes(networkAddress(prefix))
  const mask = Uint8Array.from(network, (_, index) => (0xff00 >> Math.min(8, Math.max(0, prefix.length - index * 8))) & 0xff)
  return [
    { kind: 'payload', dreg: at, base: 'network', offset: HEADER[prefix.family][which], length: network.length },
    { kind: 'bitwise', sreg: at, dreg: at, length: network.length, mask, xor: new Uint8Array(network.length) },
    { kind: 'cmp', sreg: at, op, data: Uint8Array.from(network) },
  ]
}

/** IFNAMSIZ */
const zeroPadded = (name: Buffer): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => name[index] ?? 0)

/** Marks are kept in the host's byte order. */
function hostU32(value: number): Uint8Array {
  return Uint8Array.from(new Uint8Array(Uint32Array.of(value).buffer))
}
