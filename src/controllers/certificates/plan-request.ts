// What is to be done about a certificate request (kube-controller-manager's approving, signing and cleaning loops).

import type { CertificateSigningRequest } from 'kubernetes-types/certificates/v1.js'

/** The names that a request asks for, and whether they could be read at all. */
export type Names = Readonly<{ commonName: string; organizations: readonly string[]; dnsNames: readonly string[]; ipAddresses: readonly string[]; otherNames: readonly string[] }>

export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'
export const NODE_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'
export const NODE_SERVING_SIGNER = 'kubernetes.io/kubelet-serving'

const NODE_PREFIX = 'system:node:'
const NODES_GROUP = 'system:nodes'
const HOUR_MS = 3_600_000

export const hasCondition = ({ status }: CertificateSigningRequest, type: string): boolean => (status?.conditions ?? []).some(condition => condition.type === type)
const isDecided = (request: CertificateSigningRequest): boolean => hasCondition(request, 'Approved') || hasCondition(request, 'Denied')

/**
 * The sub-resources of certificatesigningrequests, one of which the requestor must be allowed to create for his request
 * to be approved; empty when nobody but a person may approve it.
 */
export function approvalPermissions(request: CertificateSigningRequest, names: Names): readonly string[] {
  if (isDecided(request) || request.spec.signerName !== NODE_CLIENT_SIGNER || nodeClientProblem(request, names) !== undefined) return []
  return [...(request.spec.username === names.commonName ? ['selfnodeclient'] : []), 'nodeclient']
}

/** Why a signer may not sign, as a sentence; undefined when it may. */
export function signingProblem(request: CertificateSigningRequest, names: Names): string | undefined {
  const usages = request.spec.usages ?? []
  switch (request.spec.signerName) {
    case NODE_CLIENT_SIGNER: return nodeClientProblem(request, names)
    case NODE_SERVING_SIGNER:
      if (!isNode(names)) return notANode
      if (names.dnsNames.length + names.ipAddresses.length === 0) return 'a serving certificate needs at least one DNS name or IP address'
      if (names.otherNames.length > 0) return 'only DNS names and IP addresses are allowed in a serving certificate'
      return usages.includes('server auth') && !usages.includes('client auth') ? undefined : 'usages must be those of a server'
    case CLIENT_SIGNER:
      // Upstream's CertificateSubjectRestriction: nobody becomes all-powerful through a request.
      if (names.organizations.includes('system:masters')) return 'the group system:masters is not given by requests'
      return usages.includes('client auth') && !usages.includes('server auth') ? undefined : 'usages must be those of a client'
    default: return `nobody here signs for ${request.spec.signerName}`
  }
}

const notANode = `the subject must be a common name ${NODE_PREFIX}NAME in the organization ${NODES_GROUP}`
const isNode = ({ commonName, organizations }: Names): boolean =>
  commonName.startsWith(NODE_PREFIX) && commonName.length > NODE_PREFIX.length && organizations.length === 1 && organizations[0] === NODES_GROUP

function nodeClientProblem({ spec }: CertificateSigningRequest, names: Names): string | undefined {
  if (!isNode(names)) return notANode
  if (names.dnsNames.length + names.ipAddresses.length + names.otherNames.length > 0) return 'a node\'s client certificate has no alternative names'
  const usages = [...(spec.usages ?? [])].sort().join()
  return ['client auth,digital signature', 'client auth,digital signature,key encipherment'].includes(usages) ? undefined : 'usages must be those of a client'
}

/** How long a certificate is to last: what was asked for, up to the signer's limit. */
export const validForMs = ({ spec }: CertificateSigningRequest, maxMs: number): number => Math.min(maxMs, (spec.expirationSeconds ?? Infinity) * 1000)

/** How long from now a request is kept; 0 or less: not any longer. Times are upstream's. */
export function keptForMs(request: CertificateSigningRequest, createdMs: number, nowMs: number, certificateEndsMs: number | undefined): number {
  const settled = isDecided(request) && (hasCondition(request, 'Denied') || hasCondition(request, 'Failed') || certificateEndsMs !== undefined)
  return Math.min(createdMs + (settled ? HOUR_MS : 24 * HOUR_MS), certificateEndsMs ?? Infinity) - nowMs
}
