// Killed again and again while it writes: what was acknowledged is there, nothing is half there, revisions never go
// back, and a watcher that resumes misses nothing (scenarios 26 and 79). WEFT_CRASH_ROUNDS makes the run longer.

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const ROUNDS = Number(process.env['WEFT_CRASH_ROUNDS'] ?? 12)
const WRITERS = 8
test.serial('killed at any moment under concurrent writers, the server loses nothing that it acknowledged', async t => {
  t.timeout((60 + ROUNDS * 5) * 1000)
  await using lab = await ApiServerLab.open()
  const acknowledged = new Map<string, number>()
  let newest = 0
  let resumeFrom = Number((await new ApiRequests(lab).get('/api/v1/configmaps')).json.metadata.resourceVersion)
  for (let round = 0; round < ROUNDS; round += 1) {
    {
      using api = new ApiRequests(lab)
      let stop = false
      const writers = Array.from({ length: WRITERS }, async (_, writer) => {
        for (let i = 0; !stop; i += 1) {
          const name = `r${round}-w${writer}-${i}`
          try {
            const created = await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name }, data: { payload: 'x'.repeat(500 + i), name } })
            if (created.code !== 201) throw new Error(`${created.code} ${created.text}`)
            acknowledged.set(name, Number(created.json.metadata.resourceVersion))
            if (i % 3 === 0) {
              const changed = await api.patch(`/api/v1/namespaces/default/configmaps/${name}`, 'merge', { data: { changed: name } })
              if (changed.code === 200) acknowledged.set(name, Number(changed.json.metadata.resourceVersion))
            }
          } catch {
            return
          }
        }
      })
      // Somewhere between the first write and a good many, never at the same place twice.
      await new Promise(resolve => setTimeout(resolve, 20 + Math.random() * 300))
      await lab.stop('SIGKILL')
      stop = true
      await Promise.all(writers)
    }
    await lab.start()
    using api = new ApiRequests(lab)
    const list = (await api.get('/api/v1/namespaces/default/configmaps')).json
    const revision = Number(list.metadata.resourceVersion)
    const stored = new Map<string, number>(list.items.map((item: any) => [item.metadata.name, Number(item.metadata.resourceVersion)]))
    for (const [name, version] of acknowledged) {
      const found = stored.get(name)
      t.true(found !== undefined && found >= version, `round ${round}: ${name} was acknowledged at ${version} and is at ${found}`)
      newest = Math.max(newest, version)
    }
    t.true(revision >= newest, `round ${round}: the revision went back to ${revision} from ${newest}`)
    for (const item of list.items) t.is(item.data.name, item.metadata.name)
    // Whoever watched before the crash resumes and learns of every change since, once and in order.
    const missed = list.items.filter((item: any) => Number(item.metadata.resourceVersion) > resumeFrom).map((item: any) => item.metadata.name).sort()
    const seen = new Set<string>()
    let last = resumeFrom
    for await (const event of api.watch(`/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${resumeFrom}&timeoutSeconds=1`)) {
      const version = Number(event.object.metadata.resourceVersion)
      t.true(version > last, `round ${round}: events out of order`)
      last = version
      seen.add(event.object.metadata.name)
    }
    t.deepEqual([...seen].sort(), missed)
    resumeFrom = revision
  }
  t.log(`${ROUNDS} kills, ${acknowledged.size} acknowledged objects`)
})

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
