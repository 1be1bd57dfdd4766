// How a machine that knows a server's address and a token comes to trust it: ConfigMap kube-public/cluster-info, which
// anybody may read, is taken only with a signature by the token and, where pins are given, with an authority that has one
// of them (kubeadm's discovery/token).

import type { ConfigMap } from 'kubernetes-types/core/v1.js'
import { parse } from 'yaml'
import { CLUSTER_INFO, type BootstrapToken } from '../../api/bootstrap-token/bootstrap-token.ts'
import { isSignedBy, signatureKey } from '../../api/bootstrap-token/detached-signature.ts'
import { openApiClient } from '../../client/api-client.ts'
import type { ClientConfig, PemSource } from '../../client/kubeconfig/config.ts'
import { fixedCredentials } from '../../client/kubeconfig/credentials.ts'
import { CONFIG_MAPS } from '../../client/resources.ts'
import { publicKeyPin } from '../../ops/certificates/authority.ts'
import { InputError, WeftError } from '../../ops/errors.ts'
import { silentLog } from '../../ops/log.ts'

export type Discovered = Readonly<{ authorityPem: string; server: string }>

/** `pins` empty: the token's signature alone has to do, which a thief of the token could forge. */
export async function discoverCluster(options: Readonly<{ server: URL; token: BootstrapToken; pins: readonly string[]; signal: AbortSignal }>): Promise<Discovered> {
  const { server, token, pins, signal } = options
  const first = readClusterInfo(await fetchClusterInfo(server, undefined, signal), token)
  if (pins.length > 0 && !pins.includes(publicKeyPin(first.authorityPem))) {
    throw new WeftError('JOIN_NOT_TRUSTED', `the authority of ${server.host} has the hash ${publicKeyPin(first.authorityPem)}, which is none of --discovery-token-ca-cert-hash: this is another cluster, or somebody stands between`, { server: server.host })
  }
  // Asked again by a connection that trusts the authority: what answered first must be the same server.
  const again = readClusterInfo(await fetchClusterInfo(server, { pem: first.authorityPem }, signal), token)
  if (again.authorityPem !== first.authorityPem) throw new WeftError('JOIN_NOT_TRUSTED', `${server.host} named two different authorities`, { server: server.host })
  return again
}

/** Throws InputError for a pin that is not of kubeadm's form. */
export function parsePins(texts: readonly string[]): readonly string[] {
  for (const text of texts) if (!/^sha256:[0-9a-f]{64}$/.test(text)) throw new InputError('--discovery-token-ca-cert-hash', text, 'is not of the form sha256:<64 hexadecimal digits>')
  return texts
}

export const configFor = (server: URL, trust: PemSource | undefined, authorization?: string): ClientConfig => ({
  server, trust: { ca: trust, serverName: undefined, insecureSkipVerify: trust === undefined }, namespace: 'default', origin: 'joining',
  credentials: fixedCredentials(authorization === undefined ? {} : { authorization }),
})

async function fetchClusterInfo(server: URL, trust: PemSource | undefined, signal: AbortSignal): Promise<ConfigMap> {
  await using client = openApiClient({ config: configFor(server, trust), userAgent: 'weft-join', log: silentLog() })
  return await client.get(CONFIG_MAPS, CLUSTER_INFO, { signal })
}

function readClusterInfo({ data = {} }: ConfigMap, token: BootstrapToken): Discovered {
  const kubeconfig = data['kubeconfig']
  const signature = data[signatureKey(token)]
  if (kubeconfig === undefined || signature === undefined) {
    throw new WeftError('JOIN_NOT_TRUSTED', `the cluster has no signature for token ${token.id}: the token is unknown, expired, or not for signing (see "weft token list" on the control plane)`, { token: token.id }, { retryable: true })
  }
  if (!isSignedBy(kubeconfig, signature, token)) throw new WeftError('JOIN_NOT_TRUSTED', `what the server says of itself is not signed with token ${token.id}: the token's second half is wrong, or somebody stands between`, { token: token.id })
  const cluster = (parse(kubeconfig) as { clusters?: readonly { cluster?: Record<string, string> }[] }).clusters?.[0]?.cluster
  const authority = cluster?.['certificate-authority-data']
  if (authority === undefined || cluster?.['server'] === undefined) throw new WeftError('JOIN_NOT_TRUSTED', 'cluster-info names no server or no authority', {})
  return { authorityPem: Buffer.from(authority, 'base64').toString('utf8'), server: cluster['server'] }
}
