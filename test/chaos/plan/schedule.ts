// Which faults, when: a pure function of the seed, so that the seed replays a failure.

import type { Component } from '../../../src/cluster/supervisor/daemon.ts'
import { KERNEL_OBJECTS, RULESETS, type Fault } from './fault.ts'
import type { Random } from './random.ts'

/** The cluster, as far as faults can be aimed. The first host runs the control plane; pod n runs on host n. */
export type Target = Readonly<{ hosts: readonly string[]; pods: readonly string[]; etcd: boolean; vxlan: boolean }>

export type Scheduled = Readonly<{ atMs: number; fault: Fault }>

const HOST_DAEMONS: readonly Component[] = ['agent', 'proxy', 'node']
const CONTROL_DAEMONS: readonly Component[] = ['apiserver', 'controller-manager']
/** After this many faults everything is left in peace, so that what must work again by then is seen to. */
const FAULTS_PER_SPELL = 4
const PEACE_MS = 6_000
/** No fault begins later than this before the end, so that the last ones are over by then. */
const TAIL_MS = 6_000

type Maker = Readonly<{ weight: number; needs?: 'etcd'; make: (random: Random, target: Target) => Fault }>

const host = (random: Random, target: Target): string => random.pick(target.hosts)
const daemon = (random: Random, target: Target): Readonly<{ host: string; component: Component }> =>
  random.next() < 0.3 ? { host: target.hosts[0]!, component: random.pick(CONTROL_DAEMONS) } : { host: host(random, target), component: random.pick(HOST_DAEMONS) }

const MAKERS: readonly Maker[] = [
  { weight: 5, make: (random, target) => ({ kind: 'kill', ...daemon(random, target), signal: random.pick(['SIGKILL', 'SIGTERM'] as const) }) },
  { weight: 2, make: (random, target) => ({ kind: 'freeze', ...daemon(random, target), forMs: random.int(500, 5_000) }) },
  { weight: 2, make: (random, target) => ({ kind: 'cut', host: host(random, target), forMs: random.int(200, 4_000) }) },
  { weight: 1, make: (random, target) => ({ kind: 'drop', host: host(random, target), percent: random.int(2, 30), forMs: random.int(1_000, 4_000) }) },
  { weight: 2, make: (random, target) => ({ kind: 'disorder', host: host(random, target), delayMs: random.int(5, 80), duplicatePercent: random.int(0, 20), forMs: random.int(1_000, 5_000) }) },
  { weight: 1, make: (random, target) => ({ kind: 'bounce', host: host(random, target), forMs: random.int(100, 2_000) }) },
  {
    weight: 5,
    make: (random, target) => {
      const objects = target.vxlan ? KERNEL_OBJECTS : KERNEL_OBJECTS.filter(object => object === 'route' || object.startsWith('bridge'))
      return { kind: 'delete', host: host(random, target), what: random.pick(objects), choice: random.int(0, 99) }
    },
  },
  { weight: 3, make: (random, target) => ({ kind: 'flush', host: host(random, target), what: random.pick(RULESETS) }) },
  { weight: 1, make: random => ({ kind: 'fill-disk', forMs: random.int(1_000, 4_000) }) },
  { weight: 2, make: (random, target) => ({ kind: 'step-clock', host: host(random, target), bySeconds: random.pick([-86_400, -3_600, -240, -2, 5, 240, 3_600, 86_400]), forMs: random.int(1_000, 5_000) }) },
  { weight: 2, needs: 'etcd', make: random => ({ kind: 'restart-etcd', signal: random.pick(['SIGKILL', 'SIGTERM'] as const), forMs: random.int(0, 3_000) }) },
  {
    weight: 1,
    make: (random, target) => {
      const index = random.int(0, target.pods.length - 1)
      return { kind: 'kill-container', pod: target.pods[index]!, host: target.hosts[index % target.hosts.length]! }
    },
  },
]

/** Faults from 0 to `forMs`, in order of time. */
export function planSchedule(random: Random, target: Target, forMs: number): readonly Scheduled[] {
  const makers = MAKERS.filter(({ needs }) => target.etcd || needs === undefined)
  const lots = makers.flatMap(maker => Array.from({ length: maker.weight }, () => maker))
  const schedule: Scheduled[] = []
  let atMs = 500
  for (let inSpell = 0; atMs < forMs - TAIL_MS;) {
    const fault = random.pick(lots).make(random, target)
    if (schedule.every(other => other.atMs + lengthMs(other.fault) <= atMs || !disturbs(other.fault, fault))) {
      schedule.push({ atMs, fault })
      inSpell += 1
    }
    if (inSpell < FAULTS_PER_SPELL) {
      atMs += random.int(100, 1_500)
    } else {
      inSpell = 0
      atMs = Math.max(...schedule.map(each => each.atMs + lengthMs(each.fault))) + PEACE_MS
    }
  }
  return schedule
}

/** How long the fault itself lasts; mending begins then. */
export const lengthMs = (fault: Fault): number => ('forMs' in fault ? fault.forMs : 0)

/** Whether lifting one would lift or hide the other: same thing in the same place. */
function disturbs(a: Fault, b: Fault): boolean {
  const place = (fault: Fault): string => {
    const where = 'host' in fault ? fault.host : ''
    switch (fault.kind) {
      case 'kill':
      case 'freeze':
        return `process ${where} ${fault.component}`
      case 'cut':
      case 'drop':
      case 'disorder':
      case 'bounce':
        return `wire ${where}`
      default:
        return `${fault.kind} ${where}`
    }
  }
  return place(a) === place(b)
}
