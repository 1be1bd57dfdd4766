// Makes the cluster's name, prefixes and hosts ours, before any daemon starts.

import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { WeftError } from '../../ops/errors.ts'
import type { ClusterName } from '../cluster-name.ts'
import type { ClusterOptions } from '../cluster-options.ts'
import { clusterPaths, hostPaths } from '../cluster-paths.ts'
import { formatClusterPlan, planCluster, type ClusterPlan } from '../cluster-plan.ts'
import { formatNetConfig } from '../daemons-plan.ts'
import { isEmpty, takeInventory } from '../inventory/inventory.ts'
import { findLockHolder, lock, tryLock } from '../machine-lock.ts'
import { planPrefixes } from '../prefix-plan.ts'
import { listTakenPrefixes } from '../underlay/taken-prefixes.ts'
import { makeUnderlay } from '../underlay/make-underlay.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

const lockName = (name: ClusterName): string => `cluster/${name}`

/** Takes the cluster's name for as long as this process lives or until disposal. Throws CLUSTER_EXISTS. */
export async function claimName(name: ClusterName): Promise<AsyncDisposable> {
  const held = await tryLock(lockName(name))
  if (held === undefined) {
    throw new WeftError('CLUSTER_EXISTS', `cluster "${name}" is up already: see "weft status --name ${name}", take another --name, or remove it with "weft down --name ${name}"`, { cluster: name })
  }
  return held
}

/** Pid of the process that watches over the cluster; undefined when nobody does. */
export const findSupervisor = (name: ClusterName): Promise<number | undefined> => findLockHolder(lockName(name))

/** True when a killed `weft up` of this name left anything behind. */
export const hasRemains = async (name: ClusterName): Promise<boolean> =>
  existsSync(clusterPaths(name).folder) || !isEmpty(await takeInventory(name))

/** Chooses prefixes and makes underlay, hosts and folders. One cluster at a time, so that no two choose the same. */
export async function claimHosts(options: ClusterOptions, cancel: Cancel): Promise<ClusterPlan> {
  await using _turn = await lock('prefixes', cancel)
  const plan = planCluster(options, planPrefixes(options, await listTakenPrefixes(cancel)))
  const paths = clusterPaths(plan.name)
  await mkdir(paths.folder, { recursive: true, mode: 0o700 })
  await writeFile(paths.plan, formatClusterPlan(plan))
  await writeFile(paths.netConfig, formatNetConfig(plan))
  await Promise.all(plan.hosts.map(async host => {
    const { logs, kubeconfigs, cniConfig, cniBin, cniState, node } = hostPaths(paths, host.name)
    await Promise.all([logs, kubeconfigs, cniConfig, cniBin, cniState, node].map(folder => mkdir(folder, { recursive: true, mode: 0o700 })))
  }))
  await makeUnderlay(plan, cancel)
  return plan
}
