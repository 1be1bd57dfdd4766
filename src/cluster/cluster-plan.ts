// The whole of a cluster as plain data: names, addresses and prefixes, decided once before anything is made.

import { formatAddress, type Address } from '../net/ip/address.ts'
import { addressAt, formatPrefix, parsePrefix, prefixSize, type Prefix } from '../net/ip/prefix.ts'
import { InputError, WeftError } from '../ops/errors.ts'
import { hostNamespace, netnsPath, underlayNamespace, uplinkName, type ClusterName } from './cluster-name.ts'
import { parseClusterOptions, type ClusterOptions } from './cluster-options.ts'
import type { ClusterPrefixes } from './prefix-plan.ts'

export type HostPlan = Readonly<{
  /** Name of the Node object. */
  name: string
  /** Name and path of the network namespace. */
  namespace: string
  netns: string
  /** On the underlay. */
  address: Address
}>

export type ClusterPlan = Readonly<{
  name: ClusterName
  backend: ClusterOptions['backend']
  proxyMode: ClusterOptions['proxyMode']
  podCidr: Prefix
  serviceCidr: Prefix
  underlay: Readonly<{
    namespace: string
    netns: string
    prefix: Prefix
    /** The link in the machine's own namespace, and its address. */
    uplink: string
    uplinkAddress: Address
    /** Where the hosts' default routes lead; it has no route to the world and says so. */
    gateway: Address
  }>
  /** The first one runs the control plane as well. */
  hosts: readonly [HostPlan, ...HostPlan[]]
}>

export const API_PORT = 6443

/** Host numbers start at 11, so that 172.30.0.11 is host-1 at a glance. */
const FIRST_HOST_INDEX = 11n

export function planCluster(options: ClusterOptions, prefixes: ClusterPrefixes): ClusterPlan {
  const { name } = options
  const host = (index: number): HostPlan => {
    const hostName = `host-${index + 1}`
    const namespace = hostNamespace(name, hostName)
    return { name: hostName, namespace, netns: netnsPath(namespace), address: addressAt(prefixes.underlay, FIRST_HOST_INDEX + BigInt(index)) }
  }
  return {
    name,
    backend: options.backend,
    proxyMode: options.proxyMode,
    podCidr: prefixes.podCidr,
    serviceCidr: prefixes.serviceCidr,
    underlay: {
      namespace: underlayNamespace(name),
      netns: netnsPath(underlayNamespace(name)),
      prefix: prefixes.underlay,
      uplink: uplinkName(name),
      uplinkAddress: addressAt(prefixes.underlay, 1n),
      gateway: addressAt(prefixes.underlay, prefixSize(prefixes.underlay) - 2n),
    },
    hosts: [host(0), ...Array.from({ length: options.hostCount - 1 }, (_, index) => host(index + 1))],
  }
}

export const controlPlane = (plan: ClusterPlan): HostPlan => plan.hosts[0]

export const apiServerUrl = (plan: ClusterPlan): string => `https://${formatAddress(controlPlane(plan).address)}:${API_PORT}`

/** The `kubernetes` Service's address: the first of the range, as kube-apiserver has it. */
export const kubernetesServiceAddress = (plan: ClusterPlan): Address => addressAt(plan.serviceCidr, 1n)

/** The plan as text for `cluster.json`. */
export function formatClusterPlan(plan: ClusterPlan): string {
  const stored: StoredPlan = {
    version: PLAN_VERSION,
    name: plan.name,
    backend: plan.backend,
    proxyMode: plan.proxyMode,
    podCidr: formatPrefix(plan.podCidr),
    serviceCidr: formatPrefix(plan.serviceCidr),
    underlay: formatPrefix(plan.underlay.prefix),
    hosts: plan.hosts.map(host => ({ name: host.name, address: formatAddress(host.address), namespace: host.namespace })),
  }
  return `${JSON.stringify(stored, undefined, 2)}\n`
}

/** Reads what `formatClusterPlan` wrote; the rest follows from it. Throws when it is damaged, naming the file. */
export function parseClusterPlan(text: string, file: string): ClusterPlan {
  try {
    const stored = JSON.parse(text) as StoredPlan
    if (stored.version !== PLAN_VERSION) throw new InputError('version', stored.version, `is not ${PLAN_VERSION}`)
    const options = parseClusterOptions({ ...stored, nodes: String(stored.hosts.length) })
    return planCluster(options, {
      podCidr: parsePrefix(stored.podCidr, 'podCidr'),
      serviceCidr: parsePrefix(stored.serviceCidr, 'serviceCidr'),
      underlay: parsePrefix(stored.underlay, 'underlay'),
    })
  } catch (cause) {
    throw new WeftError('CLUSTER_RECORD_DAMAGED', `${file} is damaged: remove the cluster with "weft down"`, { file }, { cause })
  }
}

const PLAN_VERSION = 1

type StoredPlan = Readonly<{
  version: number
  name: string
  backend: string
  proxyMode: string
  podCidr: string
  serviceCidr: string
  underlay: string
  hosts: readonly Readonly<{ name: string; address: string; namespace: string }>[]
}>
