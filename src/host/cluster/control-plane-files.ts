// What is secret on a control plane: the cluster's authority, the server's certificate, the keys of tokens, and kubeconfigs.
// Made once; later installations find and keep them, and give out anew what would end soon or names other addresses.

import { X509Certificate } from 'node:crypto'
import { formatKubeconfig } from '../../client/kubeconfig/format.ts'
import { certificateExpiry, createAuthority, issueCertificate, type CertificateRequest, type KeyPair } from '../../ops/certificates/authority.ts'
import { createSigningKey } from '../../ops/certificates/signing-key.ts'
import { replaceFile } from '../../ops/replace-file.ts'
import { ADMIN_KUBECONFIG, AUTHORITY, CONTROLLER_MANAGER_KUBECONFIG, NODE_KUBECONFIG, SERVER, TOKENS } from '../host-paths.ts'
import type { HostFiles } from '../install/host-files.ts'
import { kubernetesServiceAddress, type HostSettings } from '../settings.ts'

export const CONTEXT = 'weft'
/** Names under which pods and people reach the API server; kubeadm's list. */
const SERVER_NAMES = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'] as const
/** Issued anew by an installation when less than this is left; they last a year. */
const RENEW_MS = 90 * 86_400_000

/** Answers the authority's certificate, PEM. */
export async function ensureControlPlaneFiles(files: HostFiles, settings: HostSettings, nowMs: number): Promise<string> {
  const authority = await ensureAuthority(files)
  if (await files.read(TOKENS.signing) === undefined) {
    const { privateKeyPem, publicKeyPem } = createSigningKey()
    await replaceFile(files.at(TOKENS.verifying), publicKeyPem)
    await replaceFile(files.at(TOKENS.signing), privateKeyPem)
  }
  await ensureServerCertificate(files, settings, authority, nowMs)
  const users = [
    { file: ADMIN_KUBECONFIG, commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    { file: CONTROLLER_MANAGER_KUBECONFIG, commonName: 'system:kube-controller-manager', organizations: [] },
    { file: NODE_KUBECONFIG, commonName: `system:node:${settings.nodeName}`, organizations: ['system:nodes'] },
  ]
  for (const { file, commonName, organizations } of users) {
    const present = await files.read(file)
    if (present !== undefined && isGood(embeddedCertificate(present), nowMs) && present.includes(`server: ${settings.apiServer}\n`)) continue
    const keys = await issueCertificate(authority, { commonName, organizations, usages: ['client'] })
    await replaceFile(files.at(file), formatKubeconfig({ context: CONTEXT, server: settings.apiServer, authorityPem: authority.certificatePem, user: commonName, keys }))
  }
  return authority.certificatePem
}

async function ensureAuthority(files: HostFiles): Promise<KeyPair> {
  const [certificatePem, privateKeyPem] = [await files.read(AUTHORITY.certificate), await files.read(AUTHORITY.key)]
  if (certificatePem !== undefined && privateKeyPem !== undefined) return { certificatePem, privateKeyPem }
  const authority = await createAuthority({ commonName: 'kubernetes' })
  await replaceFile(files.at(AUTHORITY.key), authority.privateKeyPem)
  await replaceFile(files.at(AUTHORITY.certificate), authority.certificatePem)
  return authority
}

async function ensureServerCertificate(files: HostFiles, settings: HostSettings, authority: KeyPair, nowMs: number): Promise<void> {
  const present = await files.read(SERVER.certificate)
  const host = new URL(settings.apiServer).hostname.replace(/^\[|\]$/g, '')
  const isAddress = /^[\d.]+$|:/.test(host)
  const request: CertificateRequest = {
    commonName: 'kube-apiserver', usages: ['server'], dnsNames: [...new Set([...SERVER_NAMES, settings.nodeName, ...(isAddress ? [] : [host])])],
    ipAddresses: [...new Set(['127.0.0.1', settings.nodeIp, kubernetesServiceAddress(settings), ...(isAddress ? [host] : [])])],
  }
  if (present !== undefined && isGood(present, nowMs) && covers(present, request)) return
  const server = await issueCertificate(authority, request)
  await replaceFile(files.at(SERVER.key), server.privateKeyPem)
  await replaceFile(files.at(SERVER.certificate), server.certificatePem)
}

const isGood = (pem: string | undefined, nowMs: number): boolean => pem !== undefined && certificateExpiry(pem) - nowMs > RENEW_MS

function covers(pem: string, { ipAddresses = [], dnsNames = [] }: CertificateRequest): boolean {
  const certificate = new X509Certificate(pem)
  return ipAddresses.every(address => certificate.checkIP(address) !== undefined) && dnsNames.every(name => certificate.checkHost(name) !== undefined)
}

function embeddedCertificate(kubeconfig: string): string | undefined {
  const data = /client-certificate-data: (\S+)/.exec(kubeconfig)?.[1]
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8')
}
