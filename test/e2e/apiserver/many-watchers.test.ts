// A thousand watchers under writes, and one that does not read (scenario 82).

import { readFileSync } from 'node:fs'
import { connect, type ClientHttp2Session } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const WATCHERS = 1000
const PER_SESSION = 100

/** Without the pages of the store's file, which are the kernel's to keep. */
const residentMb = (pid: number): number => Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

test.serial('a thousand watchers get every event, once and in order', async t => {
  t.timeout(120_000)
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  const sessions: ClientHttp2Session[] = []
  t.teardown(() => { for (const session of sessions) session.destroy() })
  const seen = Array.from({ length: WATCHERS }, (): number[] => [])
  const from = (await api.get(MAPS)).json.metadata.resourceVersion
  await Promise.all(seen.map((revisions, i) => new Promise<void>(resolve => {
    if (i % PER_SESSION === 0) sessions.push(connect(lab.url, { ca: lab.authority.certificatePem, cert: lab.admin.certificatePem, key: lab.admin.privateKeyPem }))
    const stream = sessions.at(-1)!.request({ ':path': `${MAPS}?watch=true&resourceVersion=${from}&labelSelector=watched` })
    let rest = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) revisions.push(Number(JSON.parse(line).object.metadata.resourceVersion))
    })
    stream.on('error', () => undefined)
    stream.once('response', () => resolve())
  })))
  const written: number[] = []
  for (let i = 0; i < 40; i += 1) {
    const made = await api.post(MAPS, { metadata: { name: `c${i}`, ...(i % 4 === 3 ? {} : { labels: { watched: 'yes' } }) } })
    if (i % 4 !== 3) written.push(Number(made.json.metadata.resourceVersion))
  }
  await eventually(() => seen.every(({ length }) => length >= written.length) || `${seen.filter(({ length }) => length < written.length).length} wait`, { timeoutMs: 30_000 })
  t.deepEqual([...new Set(seen.map(revisions => revisions.join()))], [written.join()])
})

test.serial('a watcher that does not read is cut off; others are served meanwhile, and memory stays', async t => {
  t.timeout(120_000)
  await using lab = await ApiServerLab.open()
  using api = new ApiRequests(lab)
  await api.post(MAPS, { metadata: { name: 'big' } })
  const stuck = connectTls({ host: '127.0.0.1', port: lab.port, ca: lab.authority.certificatePem, cert: lab.admin.certificatePem, key: lab.admin.privateKeyPem })
  t.teardown(() => stuck.destroy())
  let ended = false
  stuck.on('close', () => { ended = true }).on('error', () => { ended = true })
  stuck.write(`GET ${MAPS}?watch=true&resourceVersion=0 HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise<void>(resolve => stuck.once('data', () => resolve()))
  stuck.pause()
  const others = api.events(`${MAPS}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dsmall`, 1, { deadlineMs: 60_000 })
  const before = residentMb(lab.pid)
  let slowest = 0
  // 160 MB in all, of which a reader that keeps up costs nothing.
  for (let i = 0; i < 400; i += 1) {
    const started = performance.now()
    t.is((await api.patch(`${MAPS}/big`, 'merge', { data: { filler: String(i).padEnd(400_000, 'x') } })).code, 200)
    slowest = Math.max(slowest, performance.now() - started)
  }
  await api.post(MAPS, { metadata: { name: 'small' } })
  t.is((await others)[0]!.object.metadata.name, 'small')
  // Whoever reads again finds the connection ended, with what was under way.
  await eventually(() => { stuck.resume(); return ended }, { timeoutMs: 30_000, intervalMs: 200 })
  const after = residentMb(lab.pid)
  t.log(`resident ${Math.round(before)} MB before, ${Math.round(after)} MB after 160 MB of events; slowest write ${Math.round(slowest)} ms`)
  t.true(after - before < 120, `resident memory grew from ${before} to ${after} MB`)
  t.true(slowest < 2_000)
})
