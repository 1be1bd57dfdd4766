// A node's client certificate by way of a certificate request (KEP-266, kubelet's TLS bootstrap).

import { createHash } from 'node:crypto'
import type { CertificateSigningRequest } from 'kubernetes-types/certificates/v1.js'
import type { ApiClient } from '../../client/api-client.ts'
import { CERTIFICATE_SIGNING_REQUESTS } from '../../client/resources.ts'
import type { KeyPair } from '../../ops/certificates/authority.ts'
import { createSigningRequest } from '../../ops/certificates/signing-request.ts'
import { WeftError } from '../../ops/errors.ts'
import { waitFor } from '../../ops/wait-for.ts'

const WAIT_MS = 60_000

/** The caller's credentials decide whether it is approved by itself; a person may approve it meanwhile. */
export async function requestNodeCertificate(client: ApiClient, nodeName: string, options: Readonly<{ signal: AbortSignal }>): Promise<KeyPair> {
  const { requestPem, privateKeyPem } = await createSigningRequest({ commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] })
  const name = `node-csr-${createHash('sha256').update(requestPem).digest('base64url').replace(/[^a-zA-Z0-9]/g, '').toLowerCase()}`
  await client.create(CERTIFICATE_SIGNING_REQUESTS, {
    metadata: { name },
    spec: { request: Buffer.from(requestPem).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
  }, options)
  const certificatePem = await waitFor({
    what: `certificate request ${name} to be approved and signed (kubectl get csr; kubectl certificate approve ${name})`, timeoutMs: WAIT_MS, ...options,
    look: async () => answerOf(await client.get(CERTIFICATE_SIGNING_REQUESTS, { name }, options)),
  })
  return { certificatePem, privateKeyPem }
}

function answerOf({ metadata, status }: CertificateSigningRequest): Readonly<{ value: string }> | string {
  const of = (type: string) => (status?.conditions ?? []).find(condition => condition.type === type)
  const refused = of('Denied') ?? of('Failed')
  if (refused !== undefined) throw new WeftError('JOIN_REFUSED', `the cluster gives this node no certificate: ${refused.message ?? refused.reason ?? refused.type}`, { request: metadata?.name })
  if ((status?.certificate ?? '') !== '') return { value: Buffer.from(status!.certificate!, 'base64').toString('utf8') }
  return of('Approved') === undefined ? 'it waits for its approval' : 'it is approved and not signed yet'
}
