// The nftables mode beside a real kube-proxy in the same mode: first programming, one change, memory.

import { setTimeout as delay } from 'node:timers/promises'
import type { Figure, Result, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'
import { changeOnce } from './proxy/change-once.ts'
import { KUBE_PROXY_NAME, kubeProxy, ProxyCluster, type Size } from './proxy/cluster.ts'
import { batchTimes, program } from './proxy/nftables-in-process.ts'
import { firstSync } from './proxy/programming.ts'
import { residentMb } from './proxy/resident.ts'

type Program = 'weft' | 'kube-proxy'
type Findings = Readonly<{ figures: readonly Figure[]; skips: readonly Skip[] }>

const FLAGS = ['--proxy-mode=nftables']
const TABLE = { weft: 'weft', 'kube-proxy': 'kube-proxy' } as const
/** What the peer may take; longer than this is reported as such. */
const PATIENCE_MS = 180_000
/** What needs an API server full of objects is begun only within this time from the start of the run. */
const BUDGET_MS = Number(process.env['WEFT_BENCH_MINUTES'] ?? 30) * 60_000

const WIDE: Size = { services: 44_128, endpoints: 1 }
const DEEP: Size = { services: 5_006, endpoints: 50 }
const name = ({ services, endpoints }: Size): string => `${services}x${endpoints}`
const says = ({ services, endpoints }: Size): string => `${services.toLocaleString('en')} services of ${endpoints} endpoint${endpoints === 1 ? '' : 's'}`

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const programs: readonly Program[] = kubeProxy() === undefined ? ['weft'] : ['weft', 'kube-proxy']
  const deadline = performance.now() + BUDGET_MS
  const inside = await insideTheProcess(context)
  const beside = [await besideThePeer(context, context.quick ? { services: 500, endpoints: 50 } : DEEP, programs, 10)]
  if (context.quick) context.say(`${says(WIDE)} behind an API server are for whole runs`)
  else if (performance.now() > deadline) beside.push({ figures: [], skips: [`start/${name(WIDE)}`, `one-change/${name(WIDE)}`].map(key => ({ key, reason: 'the time of the run was over' })) })
  else beside.push(await besideThePeer(context, WIDE, ['weft'], 40))
  const all = [inside, ...beside]
  return {
    figures: all.flatMap(({ figures }) => figures),
    series: [],
    skips: [...all.flatMap(({ skips }) => skips), ...(programs.length === 1 ? [{ key: 'kube-proxy', reason: 'npm run peers has not fetched kube-proxy' }] : [])],
  }
}

/** What the proxy itself takes, without API server and process start. */
async function insideTheProcess({ quick, say, signal }: BenchContext): Promise<Findings> {
  const figures: Figure[] = []
  for (const size of [WIDE, DEEP]) {
    const small = quick ? { ...size, services: Math.round(size.services / 10) } : size
    const programming: number[] = []
    let changes: readonly number[] = []
    for (let round = 0; round < (quick ? 1 : 3); round += 1) {
      const measured = await program(small, round === 0 ? (quick ? 100 : 1_000) : 0, { signal })
      programming.push(measured.programmingMs)
      if (round === 0) changes = measured.changesMs
      say(`inside the process, ${says(small)}: ${Math.round(measured.programmingMs)} ms`)
    }
    figures.push(
      { key: `first-programming/${name(small)}`, what: `from the informers' sync to the last commit, ${says(small)}`, unit: 'ms', weft: programming },
      { key: `one-change-inside/${name(small)}`, what: `one endpoint is replaced among ${says(small)}: from its slice to the acknowledged commit`, unit: 'ms', weft: changes },
    )
  }
  const size = quick ? { ...DEEP, services: 500 } : DEEP
  figures.push({ key: `cold-start-batch/${name(size)}`, what: `processor time of one batch of a cold start with ${says(size)}, encoding included`, unit: 'ms', weft: await batchTimes(size, { signal }) })
  return { figures, skips: [] }
}

/** Both as processes that follow an API server with the same objects. */
async function besideThePeer(context: BenchContext, size: Size, programs: readonly Program[], changes: number): Promise<Findings> {
  await using cluster = await ProxyCluster.open(size, context)
  const skips: Skip[] = []
  const found = new Map<Program, { programming: number; changes: readonly number[]; residentMb: number }>()
  for (const each of programs) {
    await using running = await cluster.startProxy(each, FLAGS)
    const programming = await firstSync(running, PATIENCE_MS, context.signal)
    if (programming === undefined) {
      skips.push({ key: `start/${name(size)}`, reason: `${each} had not programmed ${says(size)} after ${PATIENCE_MS / 1000} s (${Math.round(residentMb(running.proxy.pid))} MB resident then)` })
      context.say(skips.at(-1)!.reason)
      continue
    }
    // The proxies sync at most once a second, and what is measured is a lone change.
    await delay(5_000)
    const list: number[] = []
    for (let round = 0; round < (context.quick ? 3 : changes); round += 1) {
      await delay(1_200)
      const ms = await changeOnce(cluster, running, { table: TABLE[each], round, size })
      if (Number.isNaN(ms)) {
        skips.push({ key: `one-change/${name(size)}`, reason: `${each} committed nothing within 15 s of a change` })
        break
      }
      list.push(Math.max(0, ms))
    }
    found.set(each, { programming, changes: list, residentMb: residentMb(running.proxy.pid) })
    context.say(`${each}, ${says(size)}: programmed after ${Math.round(programming)} ms, one change ${list.map(Math.round).join(' ')} ms, ${Math.round(found.get(each)!.residentMb)} MB`)
  }
  const [weft, peer] = [found.get('weft')!, found.get('kube-proxy')]
  const beside = (own: readonly number[], other: readonly number[] | undefined): Pick<Figure, 'weft' | 'peer' | 'peerName'> =>
    other === undefined ? { weft: own } : { weft: own, peerName: KUBE_PROXY_NAME, peer: other }
  return {
    figures: [
      { key: `start/${name(size)}`, what: `from the start of the process to all rules in force, ${says(size)}`, unit: 'ms', ...beside([weft.programming], peer && [peer.programming]) },
      { key: `one-change/${name(size)}`, what: `one endpoint is replaced among ${says(size)}: from the API server's answer to the commit`, unit: 'ms', ...beside(weft.changes, peer !== undefined && peer.changes.length > 0 ? peer.changes : undefined) },
      { key: `resident/${name(size)}`, what: `resident memory after that, ${says(size)}`, unit: 'MB', ...beside([weft.residentMb], peer && [peer.residentMb]) },
    ],
    skips,
  }
}
