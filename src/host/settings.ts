// What a host is: chosen by flags at the first installation, remembered for every later one.

import { addressAt, containsAddress, formatPrefix, overlaps, parsePrefix } from '../net/ip/prefix.ts'
import { formatAddress, parseAddress } from '../net/ip/address.ts'
import { InputError } from '../ops/errors.ts'

export const ROLES = ['control-plane', 'worker'] as const
export type Role = (typeof ROLES)[number]
export const BACKENDS = ['vxlan', 'host-gw', 'wireguard', 'ipip', 'udp', 'alloc'] as const
export const PROXY_MODES = ['iptables', 'nftables'] as const
export const RUNTIMES = ['processes', 'none'] as const

/** The same on every host of a cluster. */
export type ClusterSettings = Readonly<{
  podCidr: string
  serviceCidr: string
  backend: (typeof BACKENDS)[number]
  proxyMode: (typeof PROXY_MODES)[number]
}>

export type HostSettings = ClusterSettings & Readonly<{
  role: Role
  nodeName: string
  nodeIp: string
  /** https://HOST:PORT */
  apiServer: string
  /** What runs pods: `weft node` with processes of this host, or something that somebody else installs (a kubelet). */
  runtime: (typeof RUNTIMES)[number]
}>

export const DEFAULT_CLUSTER: ClusterSettings = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', backend: 'vxlan', proxyMode: 'iptables' }

/** Throws InputError for settings that contradict each other or cannot be used. */
export function checkSettings(settings: HostSettings): HostSettings {
  const { podCidr, serviceCidr, nodeName, nodeIp, apiServer } = settings
  const pods = parsePrefix(podCidr, '--pod-cidr')
  const services = parsePrefix(serviceCidr, '--service-cidr')
  if (overlaps(pods, services)) throw new InputError('--service-cidr', formatPrefix(services), `overlaps --pod-cidr ${formatPrefix(pods)}`)
  if (pods.length > (pods.family === 4 ? 24 : 64)) throw new InputError('--pod-cidr', podCidr, 'leaves no room for the subnet of one host')
  const address = parseAddress(nodeIp, '--node-ip')
  for (const [flag, prefix] of [['--pod-cidr', pods], ['--service-cidr', services]] as const) {
    if (prefix.family === address.family && containsAddress(prefix, address)) throw new InputError(flag, formatPrefix(prefix), `contains this host's address ${formatAddress(address)}`)
  }
  // RFC 1123, as Node objects are named.
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(nodeName)) throw new InputError('--node-name', nodeName, 'is no name of lower-case letters, digits, dots and dashes')
  if (!URL.canParse(apiServer) || !apiServer.startsWith('https://')) throw new InputError('API server', apiServer, 'is not of the form https://host:6443')
  return settings
}

/** flannel's net-conf.json. */
export function formatNetConfig({ podCidr, backend }: ClusterSettings): string {
  const prefix = parsePrefix(podCidr, '--pod-cidr')
  const network = prefix.family === 4 ? { Network: formatPrefix(prefix) } : { EnableIPv4: false, EnableIPv6: true, IPv6Network: formatPrefix(prefix) }
  return `${JSON.stringify({ ...network, Backend: { Type: backend } }, undefined, 2)}\n`
}

/** First address of the Service network: the API server's own Service. */
export const kubernetesServiceAddress = ({ serviceCidr }: ClusterSettings): string => formatAddress(addressAt(parsePrefix(serviceCidr, '--service-cidr'), 1n))
