// Does a fault to the cluster, lifts it when its time is over, and waits until what ended is back. Resolves then.

import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../plan/fault.ts'
import { endContainer, freeze, killDaemon } from './daemons.ts'
import { fillDisk, restartEtcd, stepClock } from './machine.ts'
import { deleteObject, flushRules } from './objects.ts'
import { bounce, cut, disorder, drop } from './underlay.ts'
import type { Hit, World } from '../world/world.ts'

/** Answers why, where the fault found nothing to hit. */
export async function inject(world: World, fault: Fault): Promise<Hit> {
  switch (fault.kind) {
    case 'kill':
      return killDaemon(world, fault)
    case 'freeze':
      return freeze(world, fault)
    case 'cut':
      return during(fault.forMs, await cut(world, fault.host))
    case 'drop':
      return during(fault.forMs, await drop(world, fault.host, fault.percent))
    case 'disorder':
      return during(fault.forMs, await disorder(world, fault))
    case 'bounce':
      return during(fault.forMs, await bounce(world, fault.host))
    case 'delete':
      return deleteObject(world, fault)
    case 'flush':
      return flushRules(world, fault)
    case 'fill-disk':
      return during(fault.forMs, fillDisk(world))
    case 'step-clock':
      return during(fault.forMs, stepClock(world, fault.host, fault.bySeconds))
    case 'restart-etcd':
      return restartEtcd(world, fault)
    case 'kill-container':
      return endContainer(world, fault)
    default:
      return fault satisfies never
  }
}

async function during(forMs: number, lift: () => void | Promise<void>): Promise<true> {
  try {
    await delay(forMs)
  } finally {
    await lift()
  }
  return true
}
