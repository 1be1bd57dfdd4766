// The state of a cluster as `weft status` tells it: processes as the kernel sees them, objects as the API server does.

import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { formatPrefix } from '../net/ip/prefix.ts'
import { WeftError } from '../ops/errors.ts'
import type { ClusterName } from './cluster-name.ts'
import { clusterPaths } from './cluster-paths.ts'
import { apiServerUrl, controlPlane, parseClusterPlan, type ClusterPlan } from './cluster-plan.ts'
import { formatClusterState, isNodeReady, readClusterState } from './cluster-state.ts'
import { formatTable } from './console/table.ts'
import { formatMesh, isMeshHealthy } from './mesh/format-mesh.ts'
import { readMesh } from './mesh/read-mesh.ts'
import { listClusters, takeInventory, type Inventory } from './inventory/inventory.ts'
import { residentBytes } from './inventory/process-table.ts'
import { COMPONENTS, type Component } from './supervisor/daemon.ts'
import { openAdminClient } from './up/bring-up.ts'
import { findSupervisor } from './up/claim-cluster.ts'

type Daemon = Readonly<{ host: string; component: Component; pid: number | undefined; residentBytes: number | undefined }>

/** Healthy: every daemon runs, somebody watches over them, the API server answers, all nodes are ready and reach each other. */
export async function clusterStatus(name: ClusterName, options: Readonly<{ signal: AbortSignal }>): Promise<Readonly<{ text: string; healthy: boolean }>> {
  const paths = clusterPaths(name)
  const plan = await readPlan(name)
  const [supervisor, inventory] = await Promise.all([findSupervisor(name), takeInventory(name)])
  const daemons = await Promise.all(expectedDaemons(plan).map(one => findDaemon(one, plan, inventory)))
  const watched = supervisor === undefined ? 'nobody watches over its daemons ("weft up" was killed): "weft down" removes it' : `watched over by process ${supervisor}`
  const head = `cluster ${name}: ${plan.backend}, ${plan.proxyMode}, underlay ${formatPrefix(plan.underlay.prefix)}, API server ${apiServerUrl(plan)}, ${watched}\n`
  const daemonTable = formatTable(['DAEMON', 'HOST', 'PID', 'MEMORY'], daemons.map(one => [
    one.component, one.host, String(one.pid ?? 'not running'), one.residentBytes === undefined ? '-' : `${Math.round(one.residentBytes / 1e6)} MB`,
  ]))
  const [objects, mesh] = await Promise.all([describeObjects(plan, daemons, options), readMesh(plan, options)])
  const healthy = supervisor !== undefined && daemons.every(one => one.pid !== undefined) && objects.healthy && isMeshHealthy(mesh)
  const meshTable = plan.hosts.length < 2 ? [] : [formatMesh(mesh)]
  return { text: [head, daemonTable, objects.text, ...meshTable, `KUBECONFIG=${paths.kubeconfig}\n`].join('\n'), healthy }
}

async function readPlan(name: ClusterName): Promise<ClusterPlan> {
  const { plan: file } = clusterPaths(name)
  try {
    return parseClusterPlan(await readFile(file, 'utf8'), file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    const others = await listClusters()
    const there = others.length === 0 ? 'there are none' : `there are: ${others.join(', ')}`
    throw new WeftError('NO_CLUSTER', `there is no cluster "${name}" (${there}): make one with "weft up --name ${name}"`, { cluster: name }, { cause })
  }
}

const expectedDaemons = (plan: ClusterPlan): readonly Pick<Daemon, 'host' | 'component'>[] =>
  plan.hosts.flatMap(host =>
    COMPONENTS.filter(component => host === controlPlane(plan) || !ON_CONTROL_PLANE.has(component)).map(component => ({ host: host.name, component })))

const ON_CONTROL_PLANE: ReadonlySet<Component> = new Set<Component>(['apiserver', 'controller-manager'])

/** A daemon is the process in its host's namespace whose command line runs `main.ts <component>`, or `main.mjs` from the bundle. */
async function findDaemon(wanted: Pick<Daemon, 'host' | 'component'>, plan: ClusterPlan, inventory: Inventory): Promise<Daemon> {
  const inode = inodeOf(plan.hosts.find(host => host.name === wanted.host)!.netns)
  const found = inventory.processes.find(({ command, netnsInode }) =>
    netnsInode === inode && command.some((word, index) => /\/main\.(?:ts|mjs)$/.test(word) && command[index + 1] === wanted.component))
  return { ...wanted, pid: found?.pid, residentBytes: found === undefined ? undefined : await residentBytes(found.pid) }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function describeObjects(plan: ClusterPlan, daemons: readonly Daemon[], { signal }: Readonly<{ signal: AbortSignal }>): Promise<Readonly<{ text: string; healthy: boolean }>> {
  try {
    await using client = await openAdminClient(plan)
    const state = await readClusterState(client, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) })
    const down = (host: string): string => daemons.filter(one => one.host === host && one.pid === undefined).map(one => one.component).join(', ')
    const text = formatClusterState(state, host => (down(host) === '' ? 'running' : `not running: ${down(host)}`))
    return { text, healthy: plan.hosts.every(host => state.nodes.some(node => node.metadata?.name === host.name && isNodeReady(node))) }
  } catch (error) {
    return { text: `the API server does not answer: ${(error as Error).message}\n`, healthy: false }
  }
}
