// What a vxlan host publishes: {"VNI":1,"VtepMAC":"0e:2a:…"}. Receivers use only the MAC.

import { parseMac, type Mac } from '../../../net/ip/mac.ts'
import { WeftError } from '../../../ops/errors.ts'

export const vtepData = (vni: number, mac: Mac): unknown => ({ VNI: vni, VtepMAC: mac })

/** Reads a peer's published data; throws an InputError that names what is wrong with it. */
export function parseVtepMac(data: unknown): Mac {
  const text = (data as { VtepMAC?: unknown } | null | undefined)?.VtepMAC
  const mac = parseMac(String(text ?? ''), 'VtepMAC')
  // A group address as an inner destination would be flooded; all zeros is the kernel's default entry (IEEE 802 section 8.2).
  if (Number.parseInt(mac.slice(0, 2), 16) & 1 || mac === '00:00:00:00:00:00') {
    throw new WeftError('INVALID_INPUT', `VtepMAC: ${mac}: is not the address of one device`, { field: 'VtepMAC', value: mac })
  }
  return mac
}

/** A locally administered unicast address from six random bytes (IEEE 802 section 8.2.2). */
export function vtepMacFrom(random: Uint8Array): Mac {
  const octets = [...random.subarray(0, 6)]
  octets[0] = (octets[0]! & 0xfe) | 0x02
  return parseMac(octets.map(octet => octet.toString(16).padStart(2, '0')).join(':'), 'random')
}

/**
 * The MAC this host publishes. The device's own comes first: it is what works at this moment, and peers
 * hold it. Then the one published before, so that a reboot keeps it; then a new one.
 */
export const chooseVtepMac = (candidates: Readonly<{ device: Mac | undefined; published: Mac | undefined; random: Uint8Array }>): Mac =>
  candidates.device ?? candidates.published ?? vtepMacFrom(candidates.random)
