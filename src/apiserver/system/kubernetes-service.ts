// The Service `default/kubernetes`, under which pods reach this server, and its endpoints. Ensured again and again:
// who deletes one sees it return with the same address.

import { equalJson, isPlainObject, type ApiObject, type Draft } from '../../api/object.ts'
import { formatAddress, parseAddress } from '../../net/ip/address.ts'
import { containsAddress, parsePrefix } from '../../net/ip/prefix.ts'
import type { ServiceAllocators } from '../allocators/service-allocators.ts'
import type { Catalog } from '../catalog.ts'
import type { InternalClient } from '../internal-client.ts'
import type { ServerPeers } from './server-peers.ts'

type Options = Readonly<{
  client: InternalClient
  catalog: Catalog
  allocators: ServiceAllocators
  advertiseAddress: string
  securePort: number
  /** Where several servers tell each other of themselves; undefined when there can be one only. */
  peers: ServerPeers | undefined
}>

const NAME = { namespace: 'default', name: 'kubernetes' } as const

export async function ensureKubernetesService({ client, catalog, allocators, advertiseAddress, securePort, peers }: Options, signal: AbortSignal): Promise<void> {
  const clusterIp = formatAddress(allocators.addresses[0]!.first())
  await client.ensure(catalog.builtin('', 'services'), {
    apiVersion: 'v1', kind: 'Service', metadata: { ...NAME, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP', clusterIP: clusterIp, clusterIPs: [clusterIp], ipFamilyPolicy: 'SingleStack', sessionAffinity: 'None',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: securePort }],
    },
  }, signal)
  // Endpoints on the loopback would lead every pod to itself, so kinds refuse them; such a server serves this machine only.
  if (!isReachable(advertiseAddress)) return
  const family = parseAddress(advertiseAddress, '--advertise-address').family
  const addresses = peers === undefined ? [advertiseAddress] : await peers.announce(signal)
  const ports = [{ name: 'https', protocol: 'TCP', port: securePort }]
  await client.put(catalog.builtin('', 'endpoints'), {
    apiVersion: 'v1', kind: 'Endpoints', metadata: { ...NAME, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: addresses.map(ip => ({ ip })), ports }],
  }, holds, signal)
  await client.put(catalog.builtin('discovery.k8s.io', 'endpointslices'), {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { ...NAME, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: family === 4 ? 'IPv4' : 'IPv6', endpoints: addresses.map(address => ({ addresses: [address], conditions: { ready: true } })), ports,
  }, holds, signal)
}

const LOCAL = ['127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128', '169.254.0.0/16', 'fe80::/10'].map(text => parsePrefix(text, 'local prefix'))

/** False for addresses that mean another machine to each who reads them. */
export const isReachable = (address: string): boolean => !LOCAL.some(prefix => containsAddress(prefix, parseAddress(address, '--advertise-address')))

/** True when the stored object says all that the wanted one says; defaults that were added do not matter. */
const holds = (stored: ApiObject, wanted: Draft): boolean =>
  Object.keys(wanted).every(field => field === 'metadata' ? contains(stored.metadata.labels, wanted.metadata.labels) : contains(stored[field], wanted[field]))

function contains(stored: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(stored) && stored.length === wanted.length && wanted.every((item, i) => contains(stored[i], item))
  if (isPlainObject(wanted)) return isPlainObject(stored) && Object.keys(wanted).every(key => contains(stored[key], wanted[key]))
  return equalJson(stored, wanted)
}
