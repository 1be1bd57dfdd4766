// The cluster's authority and what it issues, written where the daemons and the user look for it.

import { mkdir, writeFile } from 'node:fs/promises'
import { formatAddress } from '../../net/ip/address.ts'
import { createAuthority, issueCertificate, type CertificateRequest } from '../../ops/certificates/authority.ts'
import { createSigningKey } from '../../ops/certificates/signing-key.ts'
import { AGENTS_GROUP } from '../agent-role.ts'
import { clusterPaths, hostPaths, pkiPaths, type HostPaths } from '../cluster-paths.ts'
import { apiServerUrl, controlPlane, kubernetesServiceAddress, type ClusterPlan } from '../cluster-plan.ts'
import { formatKubeconfig } from '../../client/kubeconfig/format.ts'

type User = Readonly<{ file: string; commonName: string; organizations: readonly string[] }>

/** Root reads keys, nobody else. */
const PRIVATE = { mode: 0o600 } as const

/** Makes everything anew; existing files are replaced. User and group names are kubeadm's. */
export async function makeCredentials(plan: ClusterPlan): Promise<void> {
  const paths = clusterPaths(plan.name)
  const pki = pkiPaths(paths)
  const authority = await createAuthority({ commonName: `weft-${plan.name}` })
  const issue = (request: Omit<CertificateRequest, 'usages'>, usage: 'server' | 'client') => issueCertificate(authority, { ...request, usages: [usage] })
  const users: readonly User[] = [
    { file: paths.kubeconfig, commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    { file: paths.controllerManagerKubeconfig, commonName: 'system:kube-controller-manager', organizations: [] },
    ...plan.hosts.flatMap(host => usersOfHost(hostPaths(paths, host.name), host.name)),
  ]
  await Promise.all([paths.pki, ...plan.hosts.map(host => hostPaths(paths, host.name).kubeconfigs)].map(folder => mkdir(folder, { recursive: true, mode: 0o700 })))
  const server = await issue({ commonName: 'kube-apiserver', dnsNames: API_SERVER_NAMES, ipAddresses: apiServerAddresses(plan) }, 'server')
  // kubeadm's name, and its group: nodes let whoever is in it read logs.
  const kubeletClient = await issue({ commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] }, 'client')
  const signing = createSigningKey()
  await Promise.all([
    writeFile(pki.authority, authority.certificatePem, PRIVATE),
    writeFile(pki.serverCertificate, server.certificatePem, PRIVATE),
    writeFile(pki.serverKey, server.privateKeyPem, PRIVATE),
    writeFile(pki.kubeletClientCertificate, kubeletClient.certificatePem, PRIVATE),
    writeFile(pki.kubeletClientKey, kubeletClient.privateKeyPem, PRIVATE),
    ...plan.hosts.map(async host => {
      const { nodeCertificate, nodeKey } = hostPaths(paths, host.name)
      const keys = await issue({ commonName: `system:node:${host.name}`, organizations: ['system:nodes'], dnsNames: [host.name], ipAddresses: [formatAddress(host.address)] }, 'server')
      await Promise.all([writeFile(nodeCertificate, keys.certificatePem, PRIVATE), writeFile(nodeKey, keys.privateKeyPem, PRIVATE)])
    }),
    writeFile(pki.tokenSigningKey, signing.privateKeyPem, PRIVATE),
    writeFile(pki.tokenKey, signing.publicKeyPem, PRIVATE),
    ...users.map(async ({ file, commonName, organizations }) => {
      const keys = await issue({ commonName, organizations }, 'client')
      const text = formatKubeconfig({ context: `weft-${plan.name}`, server: apiServerUrl(plan), authorityPem: authority.certificatePem, user: commonName, keys })
      await writeFile(file, text, PRIVATE)
    }),
  ])
}

/** Names under which pods and people reach the API server; kubeadm's list. */
const API_SERVER_NAMES = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']

const apiServerAddresses = (plan: ClusterPlan): readonly string[] =>
  ['127.0.0.1', formatAddress(controlPlane(plan).address), formatAddress(kubernetesServiceAddress(plan))]

const usersOfHost = (paths: HostPaths, host: string): readonly User[] => [
  { file: paths.nodeKubeconfig, commonName: `system:node:${host}`, organizations: ['system:nodes'] },
  { file: paths.proxyKubeconfig, commonName: 'system:kube-proxy', organizations: [] },
  { file: paths.agentKubeconfig, commonName: 'flannel', organizations: [AGENTS_GROUP] },
]
