// WireGuard's keys: 32 bytes of Curve25519 (RFC 7748), as the base64 text that wg(8) and flannel write.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { WeftError } from '../../ops/errors.ts'

/** Canonical base64 of 32 bytes. A private or a shared one must not reach a log. */
export type WireguardKey = string & { readonly __brand: 'WireguardKey' }

const KEY_BYTES = 32

/** What DER puts in front of a bare X25519 private key (RFC 8410 section 7, RFC 5958). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** Parses base64 text. The message does not show the value, which may be a secret. */
export function parseWireguardKey(text: string, field: string): WireguardKey {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text) {
    throw new WeftError('INVALID_INPUT', `${field}: is not a WireGuard key: 32 bytes in base64, as "wg genkey" and "wg genpsk" print them`, { field })
  }
  return text as WireguardKey
}

export const keyFromBytes = (bytes: Uint8Array): WireguardKey => parseWireguardKey(Buffer.from(bytes).toString('base64'), 'key')

export const keyToBytes = (key: WireguardKey): Uint8Array => Buffer.from(key, 'base64')

/** A new private key. */
export const generatePrivateKey = (): WireguardKey =>
  keyFromBytes(generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES))

/** The public key that belongs to a private one. */
export function publicKeyOf(privateKey: WireguardKey): WireguardKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, keyToBytes(privateKey)]), format: 'der', type: 'pkcs8' })
  return keyFromBytes(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES))
}
