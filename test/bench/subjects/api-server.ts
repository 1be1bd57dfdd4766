// The API server beside kube-apiserver and etcd: durable creates over TLS, lists, one event to many watchers, memory and start.
// Both sync every write to the same disk; the clients are the same code over the same connections.

import { readFileSync } from 'node:fs'
import { connect, type ClientHttp2Session } from 'node:http2'
import { ApiRequests, type Target } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { EtcdLab } from '../../lab/etcd.ts'
import { hasKubeApiServer, KUBE_APISERVER, KubeApiServerLab } from '../../lab/kube-apiserver.ts'
import { missingPeer } from '../../peers/cache.ts'
import type { Figure, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'

const SERVICES = '/api/v1/namespaces/default/services'
const WRITERS = 16
/** Requests before anything is counted: both servers compile and warm their caches. */
const WARM_UP = 300

type Server = Target & Readonly<{ pid: number }>
type Creates = Readonly<{ perSecond: number; latenciesMs: readonly number[] }>

export async function measure({ quick, say }: BenchContext): Promise<{ figures: readonly Figure[]; series: readonly []; skips: readonly Skip[] }> {
  const services = quick ? 2_000 : 10_000
  await using lab = await ApiServerLab.open({ flags: ['--service-cluster-ip-range', '10.96.0.0/16'] })
  const size = { single: quick ? 300 : 1_000, services, slices: services / 10, watchers: quick ? 200 : 1_000 }
  say('Weft: creates')
  await createServices(lab, 'warm', WARM_UP, WRITERS)
  const single = await createServices(lab, 'one', size.single, 1)
  const many = await createServices(lab, 'many', size.services, WRITERS)
  const peer = await measurePeer(size, say)
  say('Weft: list, fan-out, memory, start')
  const list = await listTimes(lab, 9)
  const fanOut = await fanOutTimes(lab, size.watchers, quick ? 5 : 15)
  await createSlices(lab, size.slices)
  const resident = residentMb(lab.pid)
  await lab.stop()
  const started = performance.now()
  await lab.start()
  const startMs = performance.now() - started
  const big = quick ? ', quick: a fifth of the size' : ''
  const beside = (pick: (measured: PeerFigures) => readonly number[]) => (peer === undefined ? {} : { peerName: `${KUBE_APISERVER} + etcd`, peer: pick(peer) })
  const figures: Figure[] = [
    { key: 'durable-creates/16-writers', what: `Services created per second by ${WRITERS} writers`, unit: '1/s', weft: [many.perSecond], ...beside(({ many: { perSecond } }) => [perSecond]) },
    { key: 'create-latency/16-writers', what: `one create among ${WRITERS} writers`, unit: 'ms', weft: many.latenciesMs, ...beside(({ many: { latenciesMs } }) => latenciesMs) },
    { key: 'create-latency/1-writer', what: 'one create of a single writer', unit: 'ms', weft: single.latenciesMs, ...beside(({ single: { latenciesMs } }) => latenciesMs) },
    { key: 'list/10000', what: `list of all Services${big}`, unit: 'ms', weft: list, ...beside(measured => measured.list) },
    { key: 'fan-out/1000', what: `one event to ${size.watchers} watchers, until the last has it${big}`, unit: 'ms', weft: fanOut },
    { key: 'resident/10000x100000', what: `resident memory with ${size.services} Services and ${size.slices * 100} endpoints${big}`, unit: 'MB', weft: [resident], ...beside(measured => [measured.residentMb]) },
    { key: 'start/10000x100000', what: `from exec to ready on that store${big}`, unit: 'ms', weft: [startMs] },
  ]
  return { figures, series: [], skips: peer === undefined ? [{ key: 'durable-creates/16-writers', reason: missingPeer(KUBE_APISERVER) }] : [] }
}

type PeerFigures = Readonly<{ many: Creates; single: Creates; list: readonly number[]; residentMb: number }>

/** The same with fewer objects where the rate is all that counts: upstream takes ten times as long. */
async function measurePeer(size: Readonly<{ single: number; services: number }>, say: (line: string) => void): Promise<PeerFigures | undefined> {
  if (!hasKubeApiServer()) return undefined
  say(`${KUBE_APISERVER}: creates`)
  await using etcd = await EtcdLab.open({ flags: ['--unsafe-no-fsync=false'] })
  await using upstream = await KubeApiServerLab.open({ etcd })
  await createServices(upstream, 'warm', WARM_UP, WRITERS)
  const single = await createServices(upstream, 'one', Math.min(size.single, 200), 1)
  const many = await createServices(upstream, 'many', Math.min(size.services, 3_000), WRITERS)
  return { single, many, list: await listTimes(upstream, 5), residentMb: residentMb(upstream.pid) }
}

async function createServices(server: Server, prefix: string, count: number, writers: number): Promise<Creates> {
  using api = new ApiRequests(server)
  const latenciesMs: number[] = []
  let next = 0
  const started = performance.now()
  await Promise.all(Array.from({ length: writers }, async () => {
    while (next < count) {
      const name = `${prefix}-${next++}`
      const begun = performance.now()
      const made = await api.post(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: { name, labels: { app: name } }, spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }, { name: 'https', port: 443 }] } })
      if (made.code !== 201) throw new Error(`${made.code} ${made.text}`)
      latenciesMs.push(performance.now() - begun)
    }
  }))
  return { perSecond: count / (performance.now() - started) * 1000, latenciesMs }
}

async function createSlices(server: Server, count: number): Promise<void> {
  using api = new ApiRequests(server)
  let next = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (next < count) {
      const n = next++
      const endpoints = Array.from({ length: 100 }, (_, e) => ({ addresses: [`10.${n % 250}.${e}.${1 + n % 250}`], conditions: { ready: true, serving: true, terminating: false }, nodeName: `node-${e}`, targetRef: { kind: 'Pod', namespace: 'default', name: `pod-${n}-${e}`, uid: `${n}-${e}` } }))
      const made = await api.post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', { metadata: { name: `slice-${n}`, labels: { 'kubernetes.io/service-name': `many-${n}` } }, addressType: 'IPv4', ports: [{ port: 80 }], endpoints })
      if (made.code !== 201) throw new Error(`${made.code} ${made.text}`)
    }
  }))
}

async function listTimes(server: Server, rounds: number): Promise<readonly number[]> {
  using api = new ApiRequests(server)
  const times: number[] = []
  for (let round = -2; round < rounds; round += 1) {
    const begun = performance.now()
    // Only the transfer is timed; parsing the answer is the client's affair, so plain bytes are asked for.
    await api.get('/api/v1/services', { accept: 'application/json' })
    if (round >= 0) times.push(performance.now() - begun)
  }
  return times
}

/** Milliseconds from a write's reply being asked for to the last watcher having its event. */
async function fanOutTimes(server: Server, watchers: number, rounds: number): Promise<readonly number[]> {
  using api = new ApiRequests(server)
  const perSession = 100
  const sessions: ClientHttp2Session[] = []
  let arrived = 0
  let allArrived: () => void = () => undefined
  try {
    const opened: Promise<void>[] = []
    for (let i = 0; i < watchers; i += 1) {
      if (i % perSession === 0) sessions.push(connect(`https://127.0.0.1:${server.port}`, { ca: server.authority.certificatePem, cert: server.admin.certificatePem, key: server.admin.privateKeyPem }))
      const stream = sessions.at(-1)!.request({ ':path': '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dfan' })
      opened.push(new Promise(resolve => stream.once('response', () => resolve())))
      stream.on('data', () => {
        arrived += 1
        if (arrived === watchers) allArrived()
      })
      stream.on('error', () => undefined)
    }
    await Promise.all(opened)
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      arrived = 0
      const all = new Promise<void>(resolve => { allArrived = resolve })
      const begun = performance.now()
      if (round === 0) await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'fan' } })
      else await api.patch('/api/v1/namespaces/default/configmaps/fan', 'merge', { data: { round: String(round) } })
      await all
      if (round > 0) times.push(performance.now() - begun)
    }
    return times
  } finally {
    for (const session of sessions) session.destroy()
  }
}

const residentMb = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
