// Faults of the network between hosts. Each answers how to lift it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { formatAddress } from '../../../src/net/ip/address.ts'
import { runInNetns, systemPath } from '../../lab/processes.ts'
import type { Fault } from '../plan/fault.ts'
import type { World } from '../world/world.ts'

type Lift = () => Promise<void>

const BRIDGE = 'underlay'
const WIRE = join(import.meta.dirname, '..', 'wire', 'wire.ts')
const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')

export const cut = (world: World, host: string): Promise<Lift> => filter(world, host, '')

export const drop = (world: World, host: string, percent: number): Promise<Lift> => filter(world, host, `numgen random mod 100 < ${percent} `)

/** A table of the bridge family, one per host, that drops what passes the host's port, both ways. */
async function filter(world: World, host: string, which: string): Promise<Lift> {
  const table = `chaos-${host}`
  await world.execUnderlay(['nft', '-f', '-'], `table bridge ${table} {
  chain forward { type filter hook forward priority 0
    iifname "${host}" ${which}drop
    oifname "${host}" ${which}drop
  }
  chain input { type filter hook input priority 0
    iifname "${host}" ${which}drop
  }
  chain output { type filter hook output priority 0
    oifname "${host}" ${which}drop
  }
}
`)
  return async () => void (await world.execUnderlay(['nft', 'delete', 'table', 'bridge', table]))
}

/** Puts a program between the host's port and the bridge that holds frames back and sends some twice. */
export async function disorder(world: World, { host, delayMs, duplicatePercent }: Extract<Fault, { kind: 'disorder' }>): Promise<Lift> {
  const [inner, near, far] = [`wb-${host}`, `wn-${host}`, `wf-${host}`]
  const wire = spawn('nsenter', [`--net=${world.underlayNetns}`, '--', process.execPath, MAIN, 'run', WIRE, near, far, String(delayMs * 31 + duplicatePercent), String(delayMs), String(duplicatePercent)], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PATH: systemPath(process.env['PATH']) },
  })
  const ended = once(wire, 'exit')
  await Promise.race([once(wire.stdout!, 'data'), ended.then(() => Promise.reject(new Error('the wire ended at once')))])
  await batch(world, [
    `link add ${inner} type bridge mcast_snooping 0`, `link set ${inner} up`, `link set ${near} master ${inner}`, `link set ${near} up`,
    `link set ${far} master ${BRIDGE}`, `link set ${far} up`, `link set ${host} master ${inner}`,
  ])
  return async () => {
    await batch(world, [`link set ${host} master ${BRIDGE}`, `link del ${inner}`])
    wire.kill('SIGKILL')
    await ended
  }
}

const batch = (world: World, lines: readonly string[]): Promise<unknown> => world.execUnderlay(['ip', '-batch', '-'], `${lines.join('\n')}\n`)

/** As a switch that restarts: the carrier goes, and the host's network configuration puts the default route back when it returns. */
export async function bounce(world: World, host: string): Promise<Lift> {
  await runInNetns(world.netns(host), ['ip', 'link', 'set', 'eth0', 'down'])
  return async () => {
    await runInNetns(world.netns(host), ['ip', 'link', 'set', 'eth0', 'up'])
    await runInNetns(world.netns(host), ['ip', 'route', 'replace', 'default', 'via', formatAddress(world.cluster.plan.underlay.gateway)])
  }
}
