// Ethernet addresses (EUI-48) as canonical text: six lower-case hex octets joined by colons.

import { InputError } from '../../ops/errors.ts'

export type Mac = string & { readonly __brand: 'Mac' }

/** Parses "0E:2A:…" with colons or dashes; answers the canonical lower-case colon form. */
export function parseMac(text: string, field: string): Mac {
  const canonical = text.toLowerCase().replaceAll('-', ':')
  if (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(canonical)) {
    throw new InputError(field, text, 'is not an Ethernet address such as 0e:2a:00:00:00:01')
  }
  return canonical as Mac
}

export const macToBytes = (mac: Mac): Uint8Array => Uint8Array.from(mac.split(':'), octet => Number.parseInt(octet, 16))

/** Reads six octets, as IFLA_ADDRESS and NDA_LLADDR carry them. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new InputError('mac', [...bytes], 'is not 6 bytes')
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':') as Mac
}
