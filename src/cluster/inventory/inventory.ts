// What of a cluster is on this machine right now, found by names alone: its record may be lost or damaged.

import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { NAMED_NETNS_FOLDER, clusterOfNamespace, netnsPath, type ClusterName } from '../cluster-name.ts'
import { CLUSTERS_FOLDER, clusterPaths } from '../cluster-paths.ts'
import { readMounts, type Mount } from './mount-table.ts'
import { findProcesses, type FoundProcess } from './process-table.ts'

export type Inventory = Readonly<{
  /** Paths of the named namespaces: hosts and underlay. */
  namespaces: readonly string[]
  /** Everything mounted below the cluster's folder (pods' namespaces and file systems), innermost last. */
  mounts: readonly Mount[]
  processes: readonly FoundProcess[]
}>

export async function takeInventory(cluster: ClusterName): Promise<Inventory> {
  const namespaces = (await entriesOf(NAMED_NETNS_FOLDER))
    .filter(entry => clusterOfNamespace(entry) === cluster)
    .map(netnsPath)
  const { folder } = clusterPaths(cluster)
  const all = readMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  const mounts = all.filter(mount => mount.mountPoint.startsWith(`${folder}/`))
  const own = all.filter(mount => namespaces.includes(mount.mountPoint))
  const netnsInodes = new Set([...mounts, ...own].flatMap(mount => mount.netnsInode ?? []))
  return { namespaces, mounts, processes: await findProcesses({ netnsInodes, cluster }) }
}

export const isEmpty = ({ namespaces, mounts, processes }: Inventory): boolean => namespaces.length + mounts.length + processes.length === 0

/** Every cluster of which a namespace or a folder exists. */
export async function listClusters(): Promise<readonly ClusterName[]> {
  const named = (await entriesOf(NAMED_NETNS_FOLDER)).flatMap(entry => clusterOfNamespace(entry) ?? [])
  const folders = (await entriesOf(CLUSTERS_FOLDER)) as readonly ClusterName[]
  return [...new Set([...named, ...folders])].sort()
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
