// Data types of set keys and values. The kernel only stores the numbers; `nft list` reads them to print elements well.
// Numbers and sizes are those of nft's enum datatypes (nftables 1.0, include/datatype.h), stable since its first release.

export type DataType = 'ipv4_addr' | 'ipv6_addr' | 'ether_addr' | 'inet_proto' | 'inet_service' | 'mark' | 'ifname' | 'integer'

export const DATA_TYPES: Readonly<Record<DataType, Readonly<{ number: number; bytes: number }>>> = {
  integer: { number: 4, bytes: 4 },
  ipv4_addr: { number: 7, bytes: 4 },
  ipv6_addr: { number: 8, bytes: 16 },
  ether_addr: { number: 9, bytes: 6 },
  inet_proto: { number: 12, bytes: 1 },
  inet_service: { number: 13, bytes: 2 },
  mark: { number: 19, bytes: 4 },
  ifname: { number: 41, bytes: 16 },
}

/** A concatenation's type number has six bits per part (TYPE_BITS in nft). */
const TYPE_BITS = 6

/** 32 bits hold five parts. */
const MOST_PARTS = 5

/** NFTA_SET_KEY_TYPE / NFTA_SET_DATA_TYPE of one type or a concatenation of at most five. */
export function typeNumber(types: readonly DataType[]): number {
  if (types.length > MOST_PARTS) throw new RangeError(`a concatenation of ${types.join(' . ')} has more than ${MOST_PARTS} parts`)
  return types.reduce((number, type) => (number << TYPE_BITS) | DATA_TYPES[type].number, 0) >>> 0
}

/** Bytes of a key: parts of a concatenation are padded to whole registers, a single part is not. */
export const keyBytes = (types: readonly DataType[]): number =>
  types.length === 1 ? DATA_TYPES[types[0]!].bytes : types.reduce((sum, type) => sum + registerBytes(type), 0)

/** Bytes that a part takes in a concatenation. */
export const registerBytes = (type: DataType): number => (DATA_TYPES[type].bytes + 3) & ~3

/** The types a number stands for, or undefined when one of them is not among ours. */
export function typesOf(number: number): readonly DataType[] | undefined {
  const types: DataType[] = []
  for (let rest = number; rest > 0; rest >>>= TYPE_BITS) {
    const part = rest & ((1 << TYPE_BITS) - 1)
    const type = (Object.keys(DATA_TYPES) as DataType[]).find(name => DATA_TYPES[name].number === part)
    if (type === undefined) return undefined
    types.unshift(type)
  }
  return types
}
