// A kubeconfig (client-go's api/v1 Config) for one user of one cluster, with everything inside the one file.

import { stringify } from 'yaml'
import type { KeyPair } from '../../ops/certificates/authority.ts'

export function formatKubeconfig(of: Readonly<{ context: string; server: string; authorityPem: string; user: string; keys: KeyPair }>): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': of.context,
    clusters: [{ name: of.context, cluster: { server: of.server, 'certificate-authority-data': base64(of.authorityPem) } }],
    users: [{ name: of.user, user: { 'client-certificate-data': base64(of.keys.certificatePem), 'client-key-data': base64(of.keys.privateKeyPem) } }],
    contexts: [{ name: of.context, context: { cluster: of.context, user: of.user } }],
  }, { lineWidth: 0 })
}
