// Kernel settings of the host that a pod network needs. Written only where they differ.

import { readSysctl, writeSysctls } from '../../../src/net/sysctl/sysctl.ts'
import type { Family } from '../../../src/net/ip/address.ts'
import { CniError } from '../cni-error.ts'

/** Sets what differs; settings that this kernel lacks are left out. */
export function ensureSettings(settings: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(settings)) {
    const present = readSysctl(name)
    if (present !== undefined && present !== value) writeSysctls({ [name]: value })
  }
}

/**
 * Lets the host forward. Forwarding IPv6 turns router advertisements off unless accept_ra is 2 (Documentation/networking/
 * ip-sysctl.rst), so links that learned their default route that way get 2 first.
 */
export function ensureForwarding(families: readonly Family[], linksWithLearnedDefault: readonly string[]): void {
  if (families.includes(4)) ensureSettings({ 'net/ipv4/ip_forward': '1' })
  if (!families.includes(6) || readSysctl('net/ipv6/conf/all/forwarding') === '1') return
  for (const link of linksWithLearnedDefault) ensureSettings({ [`net/ipv6/conf/${link}/accept_ra`]: '2' })
  ensureSettings({ 'net/ipv6/conf/all/forwarding': '1' })
}

/**
 * Frames between two ports of a bridge pass the packet filter, else replies from a Service's pod on the same bridge are
 * never translated back. False where the kernel cannot (module br_netfilter).
 */
export function ensureBridgeFilter(): boolean {
  ensureSettings({ 'net/bridge/bridge-nf-call-iptables': '1', 'net/bridge/bridge-nf-call-ip6tables': '1' })
  return readSysctl('net/bridge/bridge-nf-call-iptables') === '1'
}

/** Throws, naming the setting, when a link cannot carry IPv6. */
export function requireIpv6(link: string): void {
  const name = `net/ipv6/conf/${link}/disable_ipv6`
  const value = readSysctl(name)
  if (value === undefined) throw new CniError('CNI_KERNEL_REFUSED', `an IPv6 address is configured, but this kernel runs without IPv6 (${name} does not exist)`)
  if (value === '0') return
  writeSysctls({ [name]: '0' })
  if (readSysctl(name) !== '0') throw new CniError('CNI_KERNEL_REFUSED', `an IPv6 address is configured, but ${name} stays ${value}`)
}
