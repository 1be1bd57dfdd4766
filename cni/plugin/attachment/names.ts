// Names that follow from an attachment alone, so that what is left in the kernel can be recognised without any state.

import { createHash } from 'node:crypto'
import { formatAddress, tryParseAddress, type Address } from '../../../src/net/ip/address.ts'

export type AttachmentId = Readonly<{ containerId: string; ifname: string }>

const digest = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex')

/** Host end of the veth pair. The prefix keeps NetworkManager away (its 85-nm-unmanaged.rules). 15 bytes, IFNAMSIZ's limit. */
export const hostLinkName = ({ containerId, ifname }: AttachmentId): string => `veth${digest('sha256', `${containerId}\0${ifname}`).slice(0, 11)}`

/** Device through which what the pod sends is shaped. Upstream hashes network and container only, so that two interfaces collide. */
export const ifbName = ({ containerId, ifname }: AttachmentId, network: string): string =>
  `bwp${digest('sha512', `${network}${containerId}${ifname}`).slice(0, 12)}`

export type LinkAlias = AttachmentId & Readonly<{ network: string; addresses: readonly Address[] }>

/** IFALIASZ (include/uapi/linux/if.h) less the terminating zero. */
const ALIAS_LIMIT_BYTES = 255
const ALIAS_PREFIX = 'weft:'

/** What the host end carries: enough to rebuild a lost record. Too long for the kernel: a hash, which only marks it as ours. */
export function formatAlias(alias: LinkAlias): string {
  const text = `${ALIAS_PREFIX}${alias.network}:${alias.containerId}:${alias.ifname}:${alias.addresses.map(formatAddress).join(',')}`
  return Buffer.byteLength(text) <= ALIAS_LIMIT_BYTES ? text : `${ALIAS_PREFIX}${digest('sha256', text)}`
}

/** Undefined for a link that is not ours; "unreadable" for one of ours that does not tell whose it is. */
export function parseAlias(text: string | undefined): LinkAlias | 'unreadable' | undefined {
  if (text === undefined || !text.startsWith(ALIAS_PREFIX)) return undefined
  const [network, containerId, ifname, ...rest] = text.slice(ALIAS_PREFIX.length).split(':')
  if (!network || !containerId || !ifname || rest.length === 0) return 'unreadable'
  const list = rest.join(':') // IPv6 has colons of its own
  const addresses = list === '' ? [] : list.split(',').map(tryParseAddress)
  return addresses.every(address => address !== undefined) ? { network, containerId, ifname, addresses } : 'unreadable'
}
