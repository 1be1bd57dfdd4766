// Removes a cluster, whole or half-made, alive or dead: ends its processes, unmounts and deletes what bears its name.

import { rm } from 'node:fs/promises'
import { systemClock } from '../ops/clock.ts'
import { WeftError } from '../ops/errors.ts'
import { MNT_DETACH, umount } from '../net/libc/libc.ts'
import { removeNetns } from '../net/netns/named-netns.ts'
import { openRtnl } from '../net/rtnetlink/rtnl.ts'
import { uplinkName, type ClusterName } from './cluster-name.ts'
import { clusterPaths } from './cluster-paths.ts'
import { isEmpty, takeInventory, type Inventory } from './inventory/inventory.ts'
import { killAndWait } from './inventory/process-table.ts'

/** Ample for processes that only have to be reaped; a netns with busy links takes the kernel tens of milliseconds. */
const KILL_TIMEOUT_MS = 10_000

/** Removes everything, in an order in which nothing comes back. Nothing there is success; says what was removed. */
export async function tearDown(cluster: ClusterName): Promise<Inventory> {
  const found = await takeInventory(cluster)
  await killAll(found, cluster)
  for (const { mountPoint } of found.mounts.toReversed()) umount(mountPoint, MNT_DETACH)
  // The uplink goes first: with its namespace it would vanish only when the kernel comes round to it.
  await using machine = openRtnl()
  await machine.links.remove(uplinkName(cluster), { signal: AbortSignal.timeout(KILL_TIMEOUT_MS) })
  for (const namespace of found.namespaces) removeNetns(namespace)
  await rm(clusterPaths(cluster).folder, { recursive: true, force: true })
  const left = await takeInventory(cluster)
  if (!isEmpty(left)) {
    throw new WeftError('CLUSTER_NOT_REMOVED', `cluster ${cluster} is still being used: run "weft down" again when ${describe(left)} is idle`, { cluster })
  }
  return found
}

/** A process may start another between being seen and being killed, so one looks until none is left. */
async function killAll(found: Inventory, cluster: ClusterName): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + KILL_TIMEOUT_MS
  for (let { processes } = found; processes.length > 0; { processes } = await takeInventory(cluster)) {
    await killAndWait(processes, Math.max(0, deadlineMs - systemClock.monotonicMs()))
  }
}

const describe = (inventory: Inventory): string =>
  [...inventory.processes.map(({ pid, command }) => `process ${pid} (${command[0] ?? ''})`), ...inventory.namespaces, ...inventory.mounts.map(mount => mount.mountPoint)].join(', ')
