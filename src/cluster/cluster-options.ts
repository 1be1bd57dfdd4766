// What `weft up` was asked for: flags in, checked values out.

import { ADDRESS_BITS } from '../net/ip/address.ts'
import { formatPrefix, overlaps, parsePrefix, type Prefix } from '../net/ip/prefix.ts'
import { InputError } from '../ops/errors.ts'
import { parseClusterName, type ClusterName } from './cluster-name.ts'

export const BACKENDS = ['vxlan', 'host-gw'] as const
export const PROXY_MODES = ['iptables', 'nftables'] as const

export type ClusterOptions = Readonly<{
  name: ClusterName
  hostCount: number
  backend: (typeof BACKENDS)[number]
  proxyMode: (typeof PROXY_MODES)[number]
  /** Undefined: the first of the usual prefixes that is free on this machine. */
  podCidr: Prefix | undefined
  serviceCidr: Prefix | undefined
}>

/** The flags as text, as the command line hands them over. */
export type ClusterFlags = Readonly<{
  name: string
  nodes: string
  backend: string
  proxyMode: string
  podCidr?: string
  serviceCidr?: string
}>

/** Each host runs three daemons of some 80 MB; more than this fits no machine that is one machine. */
const MAX_HOSTS = 100
/** kube-controller-manager's default --node-cidr-mask-size-ipv4. */
export const HOST_SUBNET_LENGTH = 24
/** kube-apiserver takes service ranges of at most 20 bits; below eight addresses there is no room for Services. */
const SERVICE_LENGTH = { min: 12, max: 29 } as const

export function parseClusterOptions(flags: ClusterFlags): ClusterOptions {
  const hostCount = parseHostCount(flags.nodes)
  const podCidr = flags.podCidr === undefined ? undefined : parsePodCidr(flags.podCidr, hostCount)
  const serviceCidr = flags.serviceCidr === undefined ? undefined : parseServiceCidr(flags.serviceCidr)
  if (podCidr !== undefined && serviceCidr !== undefined && overlaps(podCidr, serviceCidr)) {
    throw new InputError('--service-cidr', formatPrefix(serviceCidr), `overlaps --pod-cidr ${formatPrefix(podCidr)}`)
  }
  return {
    name: parseClusterName(flags.name, '--name'),
    hostCount,
    backend: parseChoice(flags.backend, BACKENDS, '--backend'),
    proxyMode: parseChoice(flags.proxyMode, PROXY_MODES, '--proxy-mode'),
    podCidr,
    serviceCidr,
  }
}

function parseHostCount(text: string): number {
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > MAX_HOSTS) throw new InputError('--nodes', text, `is not a number of hosts between 1 and ${MAX_HOSTS}`)
  return count
}

function parsePodCidr(text: string, hostCount: number): Prefix {
  const prefix = parseIpv4Prefix(text, '--pod-cidr')
  if (prefix.length > HOST_SUBNET_LENGTH || 2 ** (HOST_SUBNET_LENGTH - prefix.length) < hostCount) {
    throw new InputError('--pod-cidr', text, `has no room for ${hostCount} host subnets of /${HOST_SUBNET_LENGTH}`)
  }
  return prefix
}

function parseServiceCidr(text: string): Prefix {
  const prefix = parseIpv4Prefix(text, '--service-cidr')
  if (prefix.length < SERVICE_LENGTH.min || prefix.length > SERVICE_LENGTH.max) {
    throw new InputError('--service-cidr', text, `must be between /${SERVICE_LENGTH.min} and /${SERVICE_LENGTH.max} long`)
  }
  return prefix
}

function parseIpv4Prefix(text: string, field: string): Prefix {
  const prefix = parsePrefix(text, field)
  if (ADDRESS_BITS[prefix.family] !== 32) throw new InputError(field, text, 'is IPv6; the local cluster runs on IPv4')
  return prefix
}

function parseChoice<T extends string>(text: string, choices: readonly T[], field: string): T {
  const choice = choices.find(candidate => candidate === text)
  if (choice === undefined) throw new InputError(field, text, `is none of ${choices.join(', ')}`)
  return choice
}
