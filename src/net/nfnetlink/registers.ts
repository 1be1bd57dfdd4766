// The sixteen 32-bit registers that expressions of one rule share (struct nft_regs), by index 0 to 15.
// A wider value (an IPv6 address, a concatenation) takes several in a row.

import { NetlinkError } from '../netlink/netlink-error.ts'
import { NFT_REG32_00, NFT_REG32_COUNT, NFT_REG_VERDICT } from './constants.ts'

export type Register = number & { readonly __brand: 'Register' }

/** Register `index` (0 to 15). */
export function register(index: number): Register {
  if (!Number.isInteger(index) || index < 0 || index >= NFT_REG32_COUNT) throw new RangeError(`there is no 32-bit register ${index}`)
  return index as Register
}

/** NFTA_*_DREG/SREG of a register. */
export const registerNumber = (value: Register | 'verdict'): number => (value === 'verdict' ? NFT_REG_VERDICT : NFT_REG32_00 + value)

/**
 * Reads a register number. The kernel reports 32-bit registers that open a 128-bit one under the old number
 * (NFT_REG_1 to NFT_REG_4 are 1 to 4; nft_dump_register), so both forms are taken.
 */
export function registerFromNumber(number: number | undefined): Register | 'verdict' {
  if (number === NFT_REG_VERDICT) return 'verdict'
  if (number !== undefined && number >= 1 && number <= 4) return register((number - 1) * 4)
  if (number !== undefined && number >= NFT_REG32_00 && number < NFT_REG32_00 + NFT_REG32_COUNT) return register(number - NFT_REG32_00)
  throw new NetlinkError('NETLINK_MALFORMED', `nf_tables sent the unknown register ${number}`)
}
