// Keys of the dispatch trees: an address, a protocol and a port as hexadecimal digits, and what a prefix of
// such digits matches.

import { flatText } from '../../ops/flat-text.ts'
import { ADDRESS_BITS, addressFromBits, formatAddress, type Address, type Family } from '../../net/ip/address.ts'
import { PROTOCOLS, type Protocol } from '../../net/ip/port.ts'
import { shortHash } from './chain-names.ts'
import type { KeyShape } from './dispatch-tree.ts'

const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, '0')

const addressKey = (address: Address): string => hex(address.bits, ADDRESS_BITS[address.family] / 4)
const portKey = (protocol: Protocol, port: number): string => `${PROTOCOLS.indexOf(protocol)}${hex(port, 4)}`

/** For a destination address with its port. */
export const frontendKey = (address: Address, protocol: Protocol, port: number): string => flatText(addressKey(address), portKey(protocol, port))
/** For a port on whichever address. */
export const nodePortKey = portKey
/** For a source that is its own destination. */
export const hairpinKey = addressKey

type PortRange = Readonly<{ protocol: Protocol; ports: Readonly<{ first: number; last: number }> | undefined }>

/** What the digits behind the address say; undefined when there are none. */
function portRangeOf(digits: string): PortRange | undefined {
  if (digits === '') return undefined
  const protocol = PROTOCOLS[Number(digits[0])]!
  const ports = digits.slice(1)
  if (ports === '') return { protocol, ports: undefined }
  return { protocol, ports: { first: Number.parseInt(ports.padEnd(4, '0'), 16), last: Number.parseInt(ports.padEnd(4, 'f'), 16) } }
}

function portMatch(range: PortRange): string {
  const name = range.protocol.toLowerCase()
  return range.ports === undefined ? `-p ${name}` : `-p ${name} -m ${name} --dport ${range.ports.first}:${range.ports.last}`
}

function networkOf(family: Family, digits: string): { address: Address; length: number } {
  const bits = BigInt(`0x${digits.padEnd(ADDRESS_BITS[family] / 4, '0')}`)
  return { address: addressFromBits(family, bits), length: digits.length * 4 }
}

const networkText = (family: Family, digits: string): string => {
  const { address, length } = networkOf(family, digits)
  return `${formatAddress(address)}/${length}`
}

/** `label` is at most one character: it tells trees of one table apart. */
export function frontendShape(family: Family, rootChain: string, label: string): KeyShape {
  const addressDigits = ADDRESS_BITS[family] / 4
  return {
    rootChain,
    chainName: prefix => {
      if (family === 6 || prefix.length > addressDigits) return `KUBE-SVC-${label === '' ? 'T' : label}${shortHash(prefix)}`
      return `KUBE-SVC-${label}${networkText(family, prefix).replace('/', '_')}`
    },
    match: prefix => {
      const range = portRangeOf(prefix.slice(addressDigits))
      const where = `-d ${networkText(family, prefix.slice(0, addressDigits))}`
      return range === undefined ? where : `${where} ${portMatch(range)}`
    },
  }
}

/** `label` is at most one character: it tells trees of one table apart. */
export const nodePortShape = (rootChain: string, label: string): KeyShape => ({
  rootChain,
  chainName: prefix => {
    const range = portRangeOf(prefix)!
    const ports = range.ports === undefined ? '' : `_${range.ports.first}-${range.ports.last}`
    return `KUBE-SVC-${label}${range.protocol.toLowerCase()}${ports}`
  },
  match: prefix => portMatch(portRangeOf(prefix)!),
})

export const hairpinShape = (family: Family, rootChain: string): KeyShape => ({
  rootChain,
  chainName: prefix => `KUBE-SVC-H${family === 6 ? shortHash(prefix) : networkText(family, prefix).replace('/', '_')}`,
  match: prefix => `-s ${networkText(family, prefix)}`,
})
