import test from 'ava'
import fc from 'fast-check'
import { describeFault } from '../../chaos/plan/fault.ts'
import { Random } from '../../chaos/plan/random.ts'
import { lengthMs, planSchedule, type Target } from '../../chaos/plan/schedule.ts'

const TARGET: Target = { hosts: ['host-1', 'host-2', 'host-3'], pods: ['echo-1', 'echo-2', 'echo-3'], etcd: true, vxlan: true }

test('a seed gives one schedule, another seed another', t => {
  const of = (seed: number) => planSchedule(new Random(seed), TARGET, 60_000)
  t.deepEqual(of(7), of(7))
  t.notDeepEqual(of(7), of(8))
})

test('random numbers lie in their range and reach all of it', t => {
  fc.assert(fc.property(fc.integer(), fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 10 }), (seed, min, width) => {
    const random = new Random(seed)
    const seen = new Set(Array.from({ length: 400 }, () => random.int(min, min + width)))
    t.is(seen.size, width + 1)
    t.deepEqual([Math.min(...seen), Math.max(...seen)], [min, min + width])
  }), { numRuns: 50 })
})

test('faults end before the run does, come in order, and leave times of peace', t => {
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 20_000, max: 300_000 }), (seed, forMs) => {
    const schedule = planSchedule(new Random(seed), TARGET, forMs)
    t.true(schedule.length > 0)
    let quietMs = 0
    let overMs = 0
    for (const { atMs, fault } of schedule) {
      t.true(atMs >= 0 && atMs + lengthMs(fault) <= forMs, describeFault(fault))
      quietMs = Math.max(quietMs, atMs - overMs)
      overMs = Math.max(overMs, atMs + lengthMs(fault))
    }
    if (schedule.length > 6) t.true(quietMs >= 6_000)
  }), { numRuns: 200 })
})

test('no two faults of the same thing in the same place overlap, so that lifting one does not lift the other', t => {
  fc.assert(fc.property(fc.nat(), seed => {
    const schedule = planSchedule(new Random(seed), TARGET, 200_000)
    const wires = schedule.filter(({ fault }) => ['cut', 'drop', 'disorder', 'bounce'].includes(fault.kind))
    for (const [index, { atMs, fault }] of wires.entries()) {
      for (const later of wires.slice(index + 1)) {
        if ('host' in fault && 'host' in later.fault && fault.host === later.fault.host) t.true(later.atMs >= atMs + lengthMs(fault))
      }
    }
  }), { numRuns: 200 })
})

test('every kind of fault occurs, and none that the cluster cannot have', t => {
  const kinds = (target: Target) => new Set(Array.from({ length: 40 }, (_, seed) => planSchedule(new Random(seed), target, 120_000)).flat().map(({ fault }) => fault.kind))
  t.is(kinds(TARGET).size, 12)
  t.false(kinds({ ...TARGET, etcd: false }).has('restart-etcd'))
  const objects = Array.from({ length: 40 }, (_, seed) => planSchedule(new Random(seed), { ...TARGET, vxlan: false }, 120_000)).flat().flatMap(({ fault }) => (fault.kind === 'delete' ? [fault.what] : []))
  t.deepEqual([...new Set(objects)].sort(), ['bridge', 'bridge-address', 'bridge-port', 'route'])
})
