// Faults of processes.

import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { takeInventory } from '../../../src/cluster/inventory/inventory.ts'
import { eventually } from '../../lab/eventually.ts'
import type { Fault } from '../plan/fault.ts'
import type { Hit, World } from '../world/world.ts'

/** A daemon that is not at work again after this, when all else is well, has not survived. */
const BACK_WITHIN_MS = 60_000

export async function killDaemon(world: World, { host, component, signal }: Extract<Fault, { kind: 'kill' }>): Promise<Hit> {
  const pid = await world.daemonPid(host, component)
  if (pid === undefined) return 'it does not run'
  const ready = world.nextReady(host, component)
  process.kill(pid, signal)
  await eventually(ready, { timeoutMs: BACK_WITHIN_MS, intervalMs: 100 }).catch(cause => {
    throw new Error(`${component} on ${host} was not at work again ${BACK_WITHIN_MS / 1000} s after ${signal}`, { cause })
  })
  return true
}

export async function freeze(world: World, { host, component, forMs }: Extract<Fault, { kind: 'freeze' }>): Promise<Hit> {
  const pid = await world.daemonPid(host, component)
  if (pid === undefined) return 'it does not run'
  process.kill(pid, 'SIGSTOP')
  try {
    await delay(forMs)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  return true
}

/** Kills what runs in a pod's container; the node part starts it again. */
export async function endContainer(world: World, { pod }: Extract<Fault, { kind: 'kill-container' }>): Promise<Hit> {
  const inode = statSync(world.podNetns(pod)).ino
  const { processes } = await takeInventory(world.cluster.name)
  const server = processes.find(each => each.netnsInode === inode && each.command.at(-1) === 'echo')
  if (server === undefined) return 'its container does not run'
  // Another fault may have the API server refuse us for a while.
  const before = await eventually(() => world.restartsOf(pod), { timeoutMs: BACK_WITHIN_MS, intervalMs: 500 })
  process.kill(server.pid, 'SIGKILL')
  await eventually(async () => {
    const { restarts, ready } = await world.restartsOf(pod)
    return (ready && restarts > before.restarts) || `${restarts} restarts, ready: ${ready}`
  }, { timeoutMs: BACK_WITHIN_MS, intervalMs: 200 })
  return true
}
