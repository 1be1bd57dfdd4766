// Killed again and again while it writes: what was acknowledged is there, nothing is half there, revisions never go
// back, and a watcher that resumes misses nothing (scenarios 26 and 79). WEFT_CRASH_KILLS makes the run longer.

import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'

const KILLS = Number(process.env['WEFT_CRASH_KILLS'] ?? 200)
/** Clusters that are killed side by side: most of the time goes into starting again. */
const LANES = 2
const WRITERS = 6
const MAPS = '/api/v1/namespaces/default/configmaps'

/** What the clients of one server were told, across all its lives. */
type Told = {
  /** Revisions of acknowledged writes, and the newest of each object. */
  readonly revisions: Set<number>
  readonly objects: Map<string, number>
  newest: number
}

test.serial('killed hundreds of times under concurrent writers, the server loses nothing that it acknowledged', async t => {
  t.timeout((120 + KILLS * 5) * 1000)
  const lanes = await Promise.all(Array.from({ length: LANES }, () => crashLane(t, Math.ceil(KILLS / LANES))))
  t.log(`${LANES * Math.ceil(KILLS / LANES)} kills, ${lanes.reduce((sum, { revisions }) => sum + revisions.size, 0)} acknowledged writes of ${lanes.reduce((sum, { objects }) => sum + objects.size, 0)} objects`)
})

async function crashLane(t: ExecutionContext, kills: number): Promise<Told> {
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  const stop = new AbortController()
  const told: Told = { revisions: new Set(), objects: new Map(), newest: 0 }
  const from = Number((await api.get(MAPS)).json.metadata.resourceVersion)
  const watching = follow(t, lab, from)
  const writing = Array.from({ length: WRITERS }, (_, writer) => write(t, lab, `w${writer}`, told, stop.signal))
  try {
    for (let killed = 0; killed < kills; killed += 1) {
      // Somewhere between the first write and a good many, never at the same place twice.
      const enough = told.revisions.size + 1 + Math.random() * 60
      await eventually(() => told.revisions.size >= enough, { timeoutMs: 2_000, intervalMs: 1 }).catch(() => undefined)
      await lab.stop('SIGKILL')
      // Every second life ends before or soon after it began.
      if (killed % 2 === 0 && killed + 1 < kills) {
        const starting = lab.start().catch(() => undefined)
        await sleep(Math.random() * 500)
        await lab.stop('SIGKILL')
        await starting
        killed += 1
      }
      await lab.start()
    }
  } finally {
    stop.abort()
    await Promise.all(writing)
  }
  const { metadata, items } = (await api.get(MAPS)).json
  const stored = new Map<string, number>(items.map((item: any) => [item.metadata.name, Number(item.metadata.resourceVersion)]))
  const lost = [...told.objects].filter(([name, revision]) => (stored.get(name) ?? -1) < revision)
  t.deepEqual(lost.slice(0, 5), [], 'acknowledged, and not there')
  t.deepEqual(items.filter((item: any) => item.data.name !== item.metadata.name || item.data.end !== 'end').slice(0, 5), [], 'half there')
  t.true(Number(metadata.resourceVersion) >= told.newest, 'the revision went back')
  // The watcher resumed after every kill from the last event it had: it knows of every write, told or not.
  const due = new Set([...told.revisions, ...[...stored.values()].filter(revision => revision > from)])
  t.deepEqual(await watching.missing(due), [], 'written, and never seen by the watcher')
  return told
}

/** Creates and changes objects until stopped, whether or not there is a server. */
async function write(t: ExecutionContext, lab: ApiServerLab, prefix: string, told: Told, signal: AbortSignal): Promise<void> {
  using api = new ApiRequests(lab)
  for (let i = 0; !signal.aborted; i += 1) {
    const name = `${prefix}-${i}`
    try {
      const newest = told.newest
      const created = await api.post(MAPS, { metadata: { name }, data: { name, payload: 'x'.repeat(300 + i % 700), end: 'end' } })
      if (created.code === 201) tell(t, told, name, created.json, newest)
      const changed = i % 3 === 0 ? await api.patch(`${MAPS}/${name}`, 'merge', { data: { changed: name } }) : undefined
      if (changed?.code === 200) tell(t, told, name, changed.json, newest)
    } catch {
      // The server is away, and nobody can say what became of the request.
      await sleep(10)
    }
  }
}

function tell(t: ExecutionContext, told: Told, name: string, object: any, newestBefore: number): void {
  const revision = Number(object.metadata.resourceVersion)
  if (revision <= newestBefore || told.revisions.has(revision)) t.fail(`${name} was acknowledged at ${revision}, after ${newestBefore}`)
  told.revisions.add(revision)
  told.objects.set(name, revision)
  told.newest = Math.max(told.newest, revision)
}

/** Watches across the server's lives, each time from the last event. `missing` ends it, after a while in which it may catch up. */
function follow(t: ExecutionContext, lab: ApiServerLab, from: number): { missing: (due: ReadonlySet<number>) => Promise<readonly number[]> } {
  const seen = new Set<number>()
  const end = new AbortController()
  let last = from
  const run = async (): Promise<void> => {
    using api = new ApiRequests(lab)
    while (!end.signal.aborted) {
      try {
        for await (const { object } of api.watch(`${MAPS}?watch=true&resourceVersion=${last}`, { signal: end.signal })) {
          const revision = Number(object.metadata.resourceVersion)
          if (revision <= last) t.fail(`event ${revision} came after ${last}`)
          last = revision
          seen.add(revision)
        }
      } catch {
        await sleep(10)
      }
    }
  }
  const running = run()
  return {
    missing: async due => {
      const missed = (): readonly number[] => [...due].filter(revision => !seen.has(revision)).slice(0, 5)
      await eventually(() => missed().length === 0, { timeoutMs: 20_000, intervalMs: 100 }).catch(() => undefined)
      end.abort()
      await running
      return missed()
    },
  }
}

test.serial('killed while Services are created, no address or port is given twice, lost or leaked (scenario 26)', async t => {
  t.timeout(180_000)
  await using lab = await ApiServerLab.open({ flags: ['--service-cluster-ip-range', '10.96.0.0/24', '--service-node-port-range', '30000-30200'] })
  const acknowledged = new Map<string, string>()
  for (let round = 0; round < 4; round += 1) {
    {
      using api = new ApiRequests(lab)
      const writers = Array.from({ length: 10 }, async (_, writer) => {
        for (let i = 0; i < 5; i += 1) {
          const name = `s${round}-${writer}-${i}`
          try {
            const created = await api.post('/api/v1/namespaces/default/services', { metadata: { name }, spec: { type: 'NodePort', ports: [{ port: 80 }] } })
            if (created.code === 201) acknowledged.set(name, created.json.spec.clusterIP)
          } catch {
            return
          }
        }
      })
      await new Promise(resolve => setTimeout(resolve, 5 + Math.random() * 60))
      await lab.stop('SIGKILL')
      await Promise.all(writers)
    }
    await lab.start()
  }
  using api = new ApiRequests(lab)
  const services: any[] = (await api.get('/api/v1/services')).json.items
  const addresses = services.map(service => service.spec.clusterIP)
  const ports = services.flatMap(service => service.spec.ports.map((port: any) => port.nodePort)).filter(Boolean)
  t.is(new Set(addresses).size, addresses.length)
  t.is(new Set(ports).size, ports.length)
  for (const [name, address] of acknowledged) t.is(services.find(service => service.metadata.name === name)?.spec.clusterIP, address)
  const records: any[] = (await api.get('/apis/networking.k8s.io/v1/ipaddresses')).json.items
  t.deepEqual(records.map(record => record.metadata.name).sort(), [...addresses].sort())
})
