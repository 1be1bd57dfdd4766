// Faults of the machine: disk, clock, the store's own server.

import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { clusterPaths } from '../../../src/cluster/cluster-paths.ts'
import { eventually } from '../../lab/eventually.ts'
import type { Fault } from '../plan/fault.ts'
import type { Hit, World } from '../world/world.ts'

const BLOCK = Buffer.alloc(1 << 20)

/** Takes every last block of the file system that holds the store, the logs and the attachments. */
export function fillDisk(world: World): () => void {
  const path = join(clusterPaths(world.cluster.name).folder, 'filler')
  const file = openSync(path, 'w')
  try {
    for (let length = BLOCK.length; length >= 1;) {
      try {
        writeSync(file, BLOCK, 0, length)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        length = Math.floor(length / 2)
      }
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return () => rmSync(path)
}

export function stepClock(world: World, host: string, bySeconds: number): () => void {
  world.stage.stepClock(world.netns(host), bySeconds)
  return () => world.stage.stepClock(world.netns(host), 0)
}

export async function restartEtcd(world: World, { signal, forMs }: Extract<Fault, { kind: 'restart-etcd' }>): Promise<Hit> {
  const pid = world.stage.etcdPid
  process.kill(pid, signal)
  await eventually(() => {
    try {
      return process.kill(pid, 0) && `etcd ${pid} lives on`
    } catch {
      return true
    }
  })
  await delay(forMs)
  world.stage.startEtcd(world.netns(world.target.hosts[0]!))
  return true
}
