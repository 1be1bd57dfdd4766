// An informer against a wire that breaks in every way at random moments: what it knows and what it tells stay true.

import test from 'ava'
import fc from 'fast-check'
import { startInformer } from '../../../src/client/informer/informer.ts'
import { PODS } from '../../../src/client/resources.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { FakeApi } from './fake-api.ts'
import { clientFor, eventually } from './harness.ts'

const COLLECTION = '/api/v1/pods'
const TIMING = { watchSeconds: 0, stallMs: 60, backoff: { initialMs: 1, maxMs: 5, factor: 2, jitter: 0 } }

const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'end' as const, 'mute' as const, 'half' as const, 'restart' as const, 'compact' as const, 'bookmark' as const, 'breathe' as const) }) },
)

test('whatever breaks, the cache ends equal to the server and the changes told add up to it', async t => {
  await fc.assert(fc.asyncProperty(fc.array(action, { maxLength: 40 }), fc.boolean(), async (actions, streamingList) => {
    await using api = await new FakeApi({ streamingLists: streamingList }).start()
    await using client = clientFor(api.url)
    const stop = new AbortController()
    const informer = startInformer({ client, resource: PODS, log: silentLog(), signal: stop.signal, timing: TIMING })
    /** What a listener would believe: versions by UID. */
    const told = new Map<string, string>()
    const lies: string[] = []
    informer.onChange(change => {
      const { uid, resourceVersion } = change.object.metadata
      if ((change.type === 'added') === told.has(uid)) lies.push(`${change.type} ${uid}`)
      if (change.type === 'modified' && told.get(uid) === resourceVersion) lies.push(`told twice: ${uid} at ${resourceVersion}`)
      if (change.type === 'deleted') told.delete(uid)
      else told.set(uid, resourceVersion)
    })
    try {
      let serial = 0
      for (const step of actions) {
        switch (step.kind) {
          case 'put': api.put(COLLECTION, { metadata: { name: step.name, namespace: 'default' }, serial: ++serial }); break
          case 'remove': api.remove(COLLECTION, 'default', step.name); break
          case 'cut': api.cut(); break
          case 'end': api.endWatches(); break
          case 'mute': api.mute(); break
          case 'half': api.inject('{"type":"ADDED","object":{"metadata":{"na'); api.cut(); break
          case 'restart': await api.stop(); await api.start(); break
          case 'compact': api.compacted = api.revision; break
          case 'bookmark': api.bookmark(COLLECTION); break
          case 'breathe': await new Promise(resolve => setTimeout(resolve, 5)); break
          default: step satisfies never
        }
      }
      const server = () => api.all(COLLECTION).map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort().join()
      const cached = () => [...informer.cache.values()].map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort().join()
      const heard = () => [...told].map(([uid, version]) => `${uid} ${version}`).sort().join()
      await eventually(() => informer.hasSynced && cached() === server(), () => ({ server: server(), cached: cached() }))
      t.is(heard(), server())
      t.deepEqual(lies, [])
    } finally {
      stop.abort()
      await informer.stopped
    }
  }), { numRuns: 300 })
})
