// The process that watches over a cluster: brings it up, tells what happens, and takes it down when told to stop.

import { systemClock } from '../../ops/clock.ts'
import { isAbort } from '../../ops/errors.ts'
import type { ClusterName } from '../cluster-name.ts'
import type { ClusterOptions } from '../cluster-options.ts'
import { clusterPaths } from '../cluster-paths.ts'
import type { ClusterPlan } from '../cluster-plan.ts'
import { formatClusterState, readClusterState } from '../cluster-state.ts'
import { formatEventLine } from '../console/event-line.ts'
import { Progress, type Terminal } from '../console/progress.ts'
import { Fleet, type FleetEvent } from '../supervisor/fleet.ts'
import { tearDown } from '../teardown.ts'
import { bringUp, openAdminClient } from './bring-up.ts'
import { claimName } from './claim-cluster.ts'
import { ownEnvironment, ownProgram } from './own-program.ts'

/** `ready` is called once, when the cluster is up and its table is written. */
export type UpTerminal = Terminal & Readonly<{ ready: () => void }>

/** Answers the exit code: 0 after an orderly end, 1 when the cluster did not come up. */
export async function upInForeground(cluster: ClusterOptions, terminal: UpTerminal): Promise<number> {
  await using _name = await claimName(cluster.name)
  const controller = new AbortController()
  using _signals = stopOnSignals(controller)
  const { signal } = controller
  let upYet = false
  const fleet = new Fleet({ program: ownProgram(), onEvent: event => upYet && tell(terminal, event) })
  try {
    terminal.write(`weft up: cluster ${cluster.name}, ${cluster.hostCount} ${cluster.hostCount === 1 ? 'host' : 'hosts'}, ${cluster.backend}, ${cluster.proxyMode}\n`)
    const progress = new Progress(terminal, systemClock)
    const plan = await bringUp({ cluster, environment: ownEnvironment(), progress, fleet, signal })
    terminal.write(await summary(plan, progress.elapsedSeconds(), signal))
    upYet = true
    terminal.ready()
    await stopped(signal)
    return 0
  } catch (error) {
    if (!isAbort(error, signal)) throw error
    return upYet ? 0 : 130
  } finally {
    await takeDown(cluster.name, fleet, terminal)
  }
}

async function takeDown(name: ClusterName, fleet: Fleet, terminal: Terminal): Promise<void> {
  terminal.write(`\nweft up: removing cluster ${name}\n`)
  // Told to stop first, so that nothing is started again; tear-down need not wait for them to end in order.
  const stopped = fleet.stop()
  await tearDown(name)
  await stopped
  terminal.write('weft up: nothing of it is left\n')
}

function tell(terminal: Terminal, { plan, event }: FleetEvent): void {
  const line = formatEventLine(new Date(), plan, event)
  if (line !== undefined) terminal.write(line)
}

async function summary(plan: ClusterPlan, seconds: number, signal: AbortSignal): Promise<string> {
  await using client = await openAdminClient(plan)
  const state = await readClusterState(client, { signal })
  const name = plan.name === 'local' ? '' : ` --name ${plan.name}`
  return [
    `\n${formatClusterState(state, () => 'running')}`,
    `Up in ${seconds.toFixed(1)} s. Use it from any shell:\n`,
    `  export KUBECONFIG=${clusterPaths(plan.name).kubeconfig}`,
    '  kubectl get nodes,pods,svc,endpointslices -A -o wide',
    `  weft status${name}`,
    `  weft down${name}\n`,
    '',
  ].join('\n')
}

/** SIGINT, SIGTERM and SIGHUP stop it, as does a terminal that went away; a second one ends the process where it stands. */
function stopOnSignals(controller: AbortController): Disposable {
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort(new DOMException('stopped by the user', 'AbortError'))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, stop)
  // Stays for good: the last words of the tear-down may fail after everything else is over.
  process.stdout.on('error', () => controller.abort(new DOMException('nobody reads the output any more', 'AbortError')))
  return {
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}

async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
