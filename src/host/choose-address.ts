// Which of a host's addresses the other hosts reach it at. Machines made by VirtualBox, and by QEMU's user network, all have
// 10.0.2.15 behind a NAT of their own as their default interface: an address that leads nowhere.

import { containsAddress, parsePrefix } from '../net/ip/prefix.ts'
import { parseAddress, type Address } from '../net/ip/address.ts'
import { InputError } from '../ops/errors.ts'

export type HostAddress = Readonly<{
  link: string
  address: string
  /** The default route leads out here. */
  isDefault: boolean
}>

/** The NAT network of VirtualBox and of QEMU's `-netdev user`; the guest is always .15. */
const NAT = parsePrefix('10.0.2.0/24', 'NAT')
/** Links that containers and bridges of this machine make: what they carry is not between hosts. */
const INNER_LINK = /^(?:lo|cni\d|flannel|weft|docker|br-|virbr|veth|kube-|cali|tunl|vxlan)/

/**
 * `towards` is the address this host would use towards the API server, when that is known: it is the best there is.
 * Throws InputError when there is none to choose.
 */
export function chooseNodeAddress(addresses: readonly HostAddress[], towards?: string): string {
  if (towards !== undefined && !isNat(towards)) return towards
  const candidates = addresses.filter(({ link, address }) => !INNER_LINK.test(link) && !isLocal(address))
  // The NAT gives out IPv6 addresses as well: what else is on its link leads nowhere either.
  const natLinks = new Set(candidates.filter(({ address }) => isNat(address)).map(({ link }) => link))
  const open = candidates.filter(({ link }) => !natLinks.has(link))
  const chosen = best(open) ?? best(candidates)
  if (chosen === undefined) throw new InputError('--node-ip', '', 'cannot be found out: no interface between hosts has an address; give one')
  return chosen.address
}

/** IPv4 before IPv6, as kubelet has it; then the one by the default route. */
function best(addresses: readonly HostAddress[]): HostAddress | undefined {
  const ipv4 = addresses.filter(({ address }) => parsed(address).family === 4)
  const among = ipv4.length > 0 ? ipv4 : addresses
  return among.find(({ isDefault }) => isDefault) ?? among[0]
}

const parsed = (text: string): Address => parseAddress(text, 'address')

function isNat(text: string): boolean {
  const address = parsed(text)
  return address.family === 4 && containsAddress(NAT, address)
}

/** Loopback, link-local, and site-local, which RFC 3879 took out of use and QEMU's user network still gives. */
const LOCAL = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10', 'fec0::/10'].map(text => parsePrefix(text, 'local'))

function isLocal(text: string): boolean {
  const address = parsed(text)
  return LOCAL.some(prefix => prefix.family === address.family && containsAddress(prefix, address))
}
