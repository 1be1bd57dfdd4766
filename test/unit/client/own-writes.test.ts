import test from 'ava'
import fc from 'fast-check'
import { ObjectCache } from '../../../src/client/informer/object-cache.ts'
import { OwnWrites } from '../../../src/client/own-writes.ts'
import { compareResourceVersions } from '../../../src/client/resource-version.ts'
import { systemClock, type Clock } from '../../../src/ops/clock.ts'

type Thing = { metadata: { name: string; namespace: string; uid: string; resourceVersion: string } }
const thing = (name: string, uid: string, version: number): Thing => ({ metadata: { name, namespace: 'default', uid, resourceVersion: String(version) } })
const names = (things: readonly Thing[]): string[] => things.map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`).sort()

test('resource versions are ordered as numbers', t => {
  t.true(compareResourceVersions('9', '10') < 0)
  t.true(compareResourceVersions('100', '99') > 0)
  t.is(compareResourceVersions('7', '7'), 0)
})

test('however late the watch is, what we wrote is what we see', t => {
  const step = fc.record({ kind: fc.constantFrom('ours' as const, 'theirs' as const, 'remove' as const, 'watch' as const), name: fc.constantFrom('a', 'b', 'c') })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const writes = new OwnWrites<Thing>(systemClock)
    const cache = new ObjectCache<Thing>()
    /** The server's truth, what of it the watch has still to deliver, and what we are entitled to know. */
    const server = new Map<string, Thing>()
    const pending: (() => void)[] = []
    const known = new Map<string, Thing | undefined>()
    let version = 0
    const deliver = (change: () => ReturnType<typeof cache.put>): number => pending.push(() => change().forEach(each => writes.observe(each)))
    for (const { kind, name } of steps) {
      const current = server.get(name)
      version += 1
      if (kind === 'watch') {
        pending.shift()?.()
      } else if (kind === 'remove') {
        if (current === undefined) continue
        server.delete(name)
        writes.deleted(current)
        known.set(name, undefined)
        const last = thing(name, current.metadata.uid, version)
        deliver(() => cache.remove(`default/${name}`, { missed: false, last }))
      } else {
        const next = thing(name, current?.metadata.uid ?? `${name}${version}`, version)
        server.set(name, next)
        if (kind === 'ours') {
          writes.wrote(next)
          known.set(name, next)
        }
        deliver(() => cache.put(next))
      }
      const seen = writes.over([...cache.values()], () => true)
      for (const [each, expected] of known) {
        const found = seen.find(({ metadata }) => metadata.name === each)
        // Never older than our own last write; somebody else's later one may show already.
        if (expected !== undefined && found !== undefined && compareResourceVersions(found.metadata.resourceVersion, expected.metadata.resourceVersion) < 0) return false
        if (expected !== undefined && found === undefined && server.get(each)?.metadata.uid === expected.metadata.uid) return false
      }
    }
    while (pending.length > 0) pending.shift()!()
    t.deepEqual(names(writes.over([...cache.values()], () => true)), names([...server.values()]))
    return true
  }), { numRuns: 300 })
})

test('a write that no watch ever shows is forgotten after a minute', t => {
  let now = 0
  const clock: Clock = { ...systemClock, monotonicMs: () => now }
  const writes = new OwnWrites<Thing>(clock)
  writes.wrote(thing('a', 'a1', 5))
  t.is(writes.over([], () => true).length, 1)
  now += 61_000
  t.is(writes.over([], () => true).length, 0)
})
