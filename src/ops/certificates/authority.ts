// X.509 certificates for a cluster: one authority, and the server and client certificates it issues.
// Profile: RFC 5280, with the key usages that kubernetes' PKI requirements name for each role.
// Keys are ECDSA P-256: every TLS stack the clients use takes them, and making one costs under a millisecond.

// Must stand first: the X.509 library's container reads decorator metadata while it loads.
import 'reflect-metadata'
import { X509Certificate, createHash, createPrivateKey, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension, BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension,
  SubjectAlternativeNameExtension, SubjectKeyIdentifierExtension, X509CertificateGenerator, X509Certificate as Certificate, type JsonName,
} from '@peculiar/x509'
import { InputError } from '../errors.ts'

/** A certificate and its private key (PKCS #8), both PEM. */
export type KeyPair = Readonly<{ certificatePem: string; privateKeyPem: string }>

export type CertificateRequest = Readonly<{
  /** Becomes the user name when used as a client certificate. */
  commonName: string
  /** Become the user's groups when used as a client certificate. */
  organizations?: readonly string[]
  usages: readonly ('server' | 'client')[]
  /** Names and addresses (text) that a client may dial. Required for `server`. */
  dnsNames?: readonly string[]
  ipAddresses?: readonly string[]
  validForDays?: number
}>

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** We chose ten years: a local cluster must not die of old age, and nobody rotates its authority. */
const AUTHORITY_DAYS = 3650
/** kubeadm's choice for what the authority issues. */
const ISSUED_DAYS = 365
/** Clocks of hosts differ a little: certificates are valid from five minutes before they were made. */
const CLOCK_SKEW_MS = 5 * 60_000
const DAY_MS = 86_400_000

/** Makes a self-signed authority that may issue end-entity certificates only. */
export async function createAuthority(options: Readonly<{ commonName: string; validForDays?: number }>): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: distinguishedName(options.commonName, []),
    keys,
    signingAlgorithm: KEY_ALGORITHM,
    ...validity((options.validForDays ?? AUTHORITY_DAYS) * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: pem(certificate), privateKeyPem: await privateKeyPem(keys.privateKey) }
}

/** Makes a key and has `authority` certify it for the given roles. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const certificatePem = await certify(authority, { ...request, validForMs: (request.validForDays ?? ISSUED_DAYS) * DAY_MS }, keys.publicKey)
  return { certificatePem, privateKeyPem: await privateKeyPem(keys.privateKey) }
}

/** Has `authority` certify somebody's public key; answers PEM. */
export async function certify(authority: KeyPair, request: Omit<CertificateRequest, 'validForDays'> & Readonly<{ validForMs: number }>, publicKey: webcrypto.CryptoKey): Promise<string> {
  const names = [
    ...(request.dnsNames ?? []).map(value => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map(value => ({ type: 'ip' as const, value })),
  ]
  if (request.usages.includes('server') && names.length === 0) {
    throw new InputError('dnsNames', [], 'a server certificate needs at least one name or address')
  }
  const issuer = new Certificate(authority.certificatePem)
  const certificate = await X509CertificateGenerator.create({
    subject: distinguishedName(request.commonName, request.organizations ?? []),
    issuer: issuer.subjectName,
    publicKey,
    signingKey: await importPrivateKey(authority.privateKeyPem),
    signingAlgorithm: KEY_ALGORITHM,
    ...validity(request.validForMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
      new ExtendedKeyUsageExtension(request.usages.map(usage => (usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth))),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await SubjectKeyIdentifierExtension.create(publicKey),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return pem(certificate)
}

/** When a PEM certificate stops being valid, in milliseconds since the epoch. */
export const certificateExpiry = (certificatePem: string): number => Date.parse(new X509Certificate(certificatePem).validTo)

/** The pin that kubeadm calls --discovery-token-ca-cert-hash: SHA-256 over the certificate's SubjectPublicKeyInfo. */
export const publicKeyPin = (certificatePem: string): string =>
  `sha256:${createHash('sha256').update(new X509Certificate(certificatePem).publicKey.export({ format: 'der', type: 'spki' })).digest('hex')}`

/** Organizations first, then the common name, each a relative name of its own, as kubeadm writes them. */
export const distinguishedName = (commonName: string, organizations: readonly string[]): JsonName => [
  ...organizations.map(organization => ({ O: [organization] })),
  { CN: [commonName] },
]

function validity(durationMs: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + durationMs) }
}

const pem = (certificate: Certificate): string => `${certificate.toString('pem')}\n`

export async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }) as string
}

const importPrivateKey = (text: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', createPrivateKey(text).export({ format: 'der', type: 'pkcs8' }), KEY_ALGORITHM, false, ['sign'])
