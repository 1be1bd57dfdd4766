// Names of a cluster and of everything in the kernel that belongs to it. Tear-down finds things by these names
// alone, so that a cluster whose record is lost can still be removed.

import { InputError } from '../ops/errors.ts'

export type ClusterName = string & { readonly __brand: 'ClusterName' }

/** IFNAMSIZ (linux/if.h) is 16 with the closing zero byte. */
const LINK_NAME_MAX = 15
const UPLINK_MARK = 'weft-'
const NAMESPACE_MARK = 'weft.'
/** The uplink's name carries the cluster's, and a link's name is short. */
export const CLUSTER_NAME_MAX = LINK_NAME_MAX - UPLINK_MARK.length

/** A DNS label (RFC 1123) that starts with a letter: it has no dot, so namespace names split without doubt. */
export function parseClusterName(text: string, field: string): ClusterName {
  if (!/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(text)) {
    throw new InputError(field, text, 'is not a name of lower-case letters, digits and "-" that starts with a letter')
  }
  if (text.length > CLUSTER_NAME_MAX) {
    throw new InputError(field, text, `has ${text.length} characters; at most ${CLUSTER_NAME_MAX} fit into the link ${UPLINK_MARK}<name>`)
  }
  return text as ClusterName
}

/** Stands in the environment of every daemon, and so of everything that a daemon starts. */
export const CLUSTER_VARIABLE = 'WEFT_CLUSTER'

/** The link in the machine's own namespace that leads to the cluster's underlay. */
export const uplinkName = (cluster: ClusterName): string => `${UPLINK_MARK}${cluster}`

/** The namespace that holds the underlay bridge. */
export const underlayNamespace = (cluster: ClusterName): string => `${NAMESPACE_MARK}${cluster}.underlay`

/** The namespace that is the host `host`. */
export const hostNamespace = (cluster: ClusterName, host: string): string => `${NAMESPACE_MARK}${cluster}.${host}`

/** Where `ip netns` keeps named namespaces. */
export const NAMED_NETNS_FOLDER = '/run/netns'

export const netnsPath = (namespace: string): string => `${NAMED_NETNS_FOLDER}/${namespace}`

/** The cluster that a named network namespace belongs to; undefined for a namespace that is not ours. */
export function clusterOfNamespace(namespace: string): ClusterName | undefined {
  const match = /^weft\.([a-z](?:[a-z0-9-]*[a-z0-9])?)\.[a-z0-9-]+$/.exec(namespace)
  return match === null || match[1]!.length > CLUSTER_NAME_MAX ? undefined : (match[1] as ClusterName)
}
