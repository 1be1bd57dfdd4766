// PKCS #10 certificate requests (RFC 2986): made by who wants a certificate, read and answered by who holds the authority.

// Must stand first: the X.509 library's container reads decorator metadata while it loads.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509'
import { InputError } from '../errors.ts'
import { certify, distinguishedName, KEY_ALGORITHM, privateKeyPem, type KeyPair } from './authority.ts'

/** What a request asks to be called. */
export type RequestedNames = Readonly<{
  commonName: string
  organizations: readonly string[]
  dnsNames: readonly string[]
  ipAddresses: readonly string[]
  /** Mail addresses, URIs and whatever else stands in the alternative names. */
  otherNames: readonly string[]
}>

/** A new key (PKCS #8) and a request for it, both PEM. */
export async function createSigningRequest(options: Readonly<{ commonName: string; organizations: readonly string[] }>): Promise<Readonly<{ requestPem: string; privateKeyPem: string }>> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({ name: distinguishedName(options.commonName, options.organizations), keys, signingAlgorithm: KEY_ALGORITHM })
  return { requestPem: `${request.toString('pem')}\n`, privateKeyPem: await privateKeyPem(keys.privateKey) }
}

/** Throws InputError for what is no request, or is not signed with its own key. */
export async function readSigningRequest(pem: string): Promise<RequestedNames> {
  const request = await parse(pem)
  const names = request.extensions.flatMap(extension => (extension instanceof SubjectAlternativeNameExtension ? extension.names.items : []))
  const of = (type: string): readonly string[] => names.filter(name => name.type === type).map(({ value }) => value)
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '', organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'), ipAddresses: of('ip'), otherNames: names.filter(({ type }) => type !== 'dns' && type !== 'ip').map(({ value }) => value),
  }
}

/** Answers the certificate, PEM, with the names that the request asks for. The caller has decided that they may be had. */
export async function signRequest(authority: KeyPair, pem: string, options: Readonly<{ usages: readonly ('server' | 'client')[]; validForMs: number }>): Promise<string> {
  const request = await parse(pem)
  const { commonName, organizations, dnsNames, ipAddresses } = await readSigningRequest(pem)
  return certify(authority, { commonName, organizations, dnsNames, ipAddresses, ...options }, await request.publicKey.export())
}

async function parse(pem: string): Promise<Pkcs10CertificateRequest> {
  let request: Pkcs10CertificateRequest
  try {
    request = new Pkcs10CertificateRequest(pem)
    if (await request.verify()) return request
  } catch (cause) {
    throw new InputError('certificate request', pem.slice(0, 40), 'is no PKCS #10 request in PEM', { cause })
  }
  throw new InputError('certificate request', request.subject, 'is not signed with its own key')
}
