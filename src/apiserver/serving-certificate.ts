// The serving certificate where none is given: made once and kept in --cert-dir under kube-apiserver's names, for whoever
// takes the server's word for it. Clients that check need the file as their authority.

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../ops/errors.ts'
import type { KeyPair } from '../ops/certificates/authority.ts'
import { replaceFile } from '../ops/replace-file.ts'

/** Names under which a server of a cluster is reached from inside (kube-apiserver's own list). */
const NAMES = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'] as const

export type ServingCertificate = KeyPair & Readonly<{ made: boolean }>

/** The pair in `directory`; a new one when there is none or its time is over. The certificate's file holds its authority as well. */
export async function ensureServingCertificate(options: Readonly<{ directory: string; addresses: readonly string[]; nowMs: number }>): Promise<ServingCertificate> {
  const { directory, addresses, nowMs } = options
  const [certificatePath, keyPath] = [join(directory, 'apiserver.crt'), join(directory, 'apiserver.key')]
  const [certificatePem, privateKeyPem] = await Promise.all([readIfThere(certificatePath), readIfThere(keyPath)])
  if (certificatePem !== undefined && privateKeyPem !== undefined && Date.parse(new X509Certificate(certificatePem).validTo) > nowMs) return { certificatePem, privateKeyPem, made: false }
  // Loaded only where it is needed: a server that was given its certificate starts without.
  const { createAuthority, issueCertificate } = await import('../ops/certificates/authority.ts')
  const authority = await createAuthority({ commonName: `weft-apiserver-ca@${Math.floor(nowMs / 1000)}` })
  const issued = await issueCertificate(authority, { commonName: 'kube-apiserver', usages: ['server'], dnsNames: NAMES, ipAddresses: [...new Set(['127.0.0.1', ...addresses])] })
  const made = { certificatePem: `${issued.certificatePem.trimEnd()}\n${authority.certificatePem}`, privateKeyPem: issued.privateKeyPem, made: true }
  try {
    // The key first: a certificate without it would be taken for whole by nobody.
    await replaceFile(keyPath, made.privateKeyPem, { mode: 0o600, folderMode: 0o755 })
    await replaceFile(certificatePath, made.certificatePem, { mode: 0o644 })
  } catch (cause) {
    throw new InputError('--cert-dir', directory, `cannot be written: ${(cause as Error).message}; or give --tls-cert-file and --tls-private-key-file`, { cause })
  }
  return made
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new InputError('--cert-dir', path, `cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
