// The key pair with which an API server signs service-account tokens (RFC 7518 section 3.4: ES256).

import { generateKeyPairSync } from 'node:crypto'

export type SigningKey = Readonly<{ privateKeyPem: string; publicKeyPem: string }>

/** For `--service-account-signing-key-file` (private) and `--service-account-key-file` (public). */
export function createSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { privateKeyPem: privateKey, publicKeyPem: publicKey }
}
