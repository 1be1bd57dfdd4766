// From a token to a node's credentials and the settings that all hosts of the cluster share.

import { BOOTSTRAPPERS_GROUP, type BootstrapToken } from '../../api/bootstrap-token/bootstrap-token.ts'
import { openApiClient, type ApiClient } from '../../client/api-client.ts'
import { isForbidden, isNotFound } from '../../client/errors.ts'
import { formatKubeconfig } from '../../client/kubeconfig/format.ts'
import { CONFIG_MAPS } from '../../client/resources.ts'
import { InputError, WeftError } from '../../ops/errors.ts'
import { silentLog } from '../../ops/log.ts'
import { waitFor } from '../../ops/wait-for.ts'
import { CLUSTER_SETTINGS } from '../cluster/cluster-objects.ts'
import { CONTEXT } from '../cluster/control-plane-files.ts'
import { BACKENDS, PROXY_MODES, type ClusterSettings } from '../settings.ts'
import { configFor, discoverCluster, type Discovered } from './discovery.ts'
import { requestNodeCertificate } from './node-certificate.ts'

export type JoinOptions = Readonly<{ server: URL; token: BootstrapToken; pins: readonly string[]; nodeName: string; signal: AbortSignal }>
export type Joined = Readonly<{ kubeconfig: string; settings: ClusterSettings }>

/** A token that was made a moment ago has no signature yet, and a server may be about to start. */
const DISCOVERY_MS = 30_000

export async function joinCluster({ server, token, pins, nodeName, signal }: JoinOptions): Promise<Joined> {
  const discovered = await waitFor<Discovered>({
    what: `${server.host} to say who it is`, timeoutMs: DISCOVERY_MS, signal, look: async () => ({ value: await discoverCluster({ server, token, pins, signal }) }),
  })
  const { authorityPem } = discovered
  // The address that was given is one that this host reaches; the cluster may call itself by another.
  await using client = openApiClient({ config: configFor(server, { pem: authorityPem }, `Bearer ${token.id}.${token.secret}`), userAgent: 'weft-join', log: silentLog() })
  const settings = await readClusterSettings(client, signal)
  const keys = await requestNodeCertificate(client, nodeName, { signal })
  return { settings, kubeconfig: formatKubeconfig({ context: CONTEXT, server: server.href.replace(/\/$/, ''), authorityPem, user: `system:node:${nodeName}`, keys }) }
}

async function readClusterSettings(client: ApiClient, signal: AbortSignal): Promise<ClusterSettings> {
  try {
    return parseClusterSettings((await client.get(CONFIG_MAPS, CLUSTER_SETTINGS, { signal })).data ?? {})
  } catch (error) {
    if (!isNotFound(error) && !isForbidden(error)) throw error
    throw new WeftError('JOIN_REFUSED', `ConfigMap ${CLUSTER_SETTINGS.namespace}/${CLUSTER_SETTINGS.name} cannot be read with this token: the token's groups lack ${BOOTSTRAPPERS_GROUP}:kubeadm:default-node-token, or this is not a control plane of "weft install"`, {}, { cause: error })
  }
}

/** Throws InputError for a ConfigMap that somebody changed into something else. */
export function parseClusterSettings(data: Readonly<Record<string, string>>): ClusterSettings {
  const one = <T extends string>(key: string, allowed: readonly T[]): T => {
    const value = data[key]
    const found = allowed.find(each => each === value)
    if (found === undefined) throw new InputError(`ConfigMap ${CLUSTER_SETTINGS.name}: ${key}`, value ?? '', `is none of ${allowed.join(', ')}`)
    return found
  }
  const text = (key: string): string => {
    const value = data[key]
    if (value === undefined) throw new InputError(`ConfigMap ${CLUSTER_SETTINGS.name}: ${key}`, '', 'is missing')
    return value
  }
  return { podCidr: text('pod-cidr'), serviceCidr: text('service-cidr'), backend: one('backend', BACKENDS), proxyMode: one('proxy-mode', PROXY_MODES) }
}
