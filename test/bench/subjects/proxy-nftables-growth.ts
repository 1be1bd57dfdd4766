// How the cost of nftables mode grows with the number of services, beside a real kube-proxy in the same mode. Both follow the
// same stand-in for an API server, which has any number of objects at once.

import { setTimeout as delay } from 'node:timers/promises'
import { watchNftables } from '../../../src/net/nfnetlink/nftables.ts'
import type { Result, Series, Skip } from '../figure.ts'
import { quantile } from '../statistics.ts'
import type { BenchContext } from '../subject.ts'
import { KUBE_PROXY_NAME, kubeProxy, startProxy, type RunningProxy } from './proxy/cluster.ts'
import { ObjectSource } from './proxy/object-source.ts'
import { firstSync } from './proxy/programming.ts'
import { residentMb } from './proxy/resident.ts'

type Program = 'weft' | 'kube-proxy'
const NAME = { weft: 'weft proxy', 'kube-proxy': KUBE_PROXY_NAME } as const
const TABLE = { weft: 'weft', 'kube-proxy': 'kube-proxy' } as const
const SIZES = [10, 100, 1_000, 10_000, 44_128, 100_000]
/** What one start or one change may take: longer is told as such. */
const PATIENCE_MS = Number(process.env['WEFT_BENCH_PATIENCE_SECONDS'] ?? 180) * 1000
const CHANGES = 7

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const { quick, say, signal } = context
  const programs: readonly Program[] = kubeProxy() === undefined ? ['weft'] : ['weft', 'kube-proxy']
  const lines = { programming: new Map<string, { x: number; y: number }[]>(), change: new Map<string, { x: number; y: number }[]>(), resident: new Map<string, { x: number; y: number }[]>() }
  const skips: Skip[] = programs.length === 1 ? [{ key: 'kube-proxy', reason: 'npm run peers has not fetched kube-proxy' }] : []
  const given = new Set<Program>()
  for (const services of quick ? SIZES.slice(0, 3) : SIZES) {
    await using source = await ObjectSource.open({ services, endpoints: 1 })
    for (const program of programs) {
      const add = (kind: keyof typeof lines, y: number): unknown => lines[kind].set(NAME[program], [...(lines[kind].get(NAME[program]) ?? []), { x: services, y }])
      const unmeasured = (what: string): void => {
        skips.push({ key: `${program}/${services}`, reason: what })
        say(what)
      }
      if (given.has(program)) {
        unmeasured(`${NAME[program]} was not started with ${services.toLocaleString('en')} services, having failed with fewer`)
        continue
      }
      await using running = await startProxy(program, { kubeconfig: source.kubeconfig, port: source.port, flags: ['--proxy-mode=nftables'] })
      const programming = await firstSync(running, PATIENCE_MS, signal)
      if (programming === undefined) {
        given.add(program)
        unmeasured(`${NAME[program]} had not programmed ${services.toLocaleString('en')} services after ${PATIENCE_MS / 1000} s`)
        continue
      }
      add('programming', programming / 1000)
      await delay(3_000)
      const changes = await changesOf(source, running, TABLE[program], signal)
      if (changes.length > 0) add('change', quantile(changes, 0.5))
      else unmeasured(`${NAME[program]} committed nothing within ${PATIENCE_MS / 1000} s of a change among ${services.toLocaleString('en')} services`)
      add('resident', residentMb(running.proxy.pid))
      say(`${NAME[program]}, ${services} services: programmed after ${Math.round(programming)} ms, one change ${changes.map(ms => ms.toFixed(1)).join(' ')} ms, ${Math.round(residentMb(running.proxy.pid))} MB`)
    }
  }
  const series = (key: keyof typeof lines, what: string, yName: string): Series => ({
    key, what, xName: 'services, one endpoint each', yName, lines: [...lines[key]].map(([name, points]) => ({ name, points })),
  })
  return {
    figures: [], skips,
    series: [
      series('programming', 'From the start of the process to all rules in force, nftables mode', 'seconds'),
      series('change', 'From the event of one endpoint to the commit, nftables mode', 'milliseconds, median'),
      series('resident', 'Resident memory, nftables mode', 'megabytes'),
    ],
  }
}

/** Milliseconds from an endpoint's event to the first commit of `table` that follows, some times over. */
async function changesOf(source: ObjectSource, { host }: RunningProxy, table: string, signal: AbortSignal): Promise<readonly number[]> {
  let done: (() => void) | undefined
  let touched = false
  const watch = watchNftables(event => {
    if (event.kind === 'object' && event.table === table) touched = true
    if (event.kind === 'generation' && touched) done?.()
  }, { netns: host.netns })
  const found: number[] = []
  try {
    for (let round = 0; round < CHANGES; round += 1) {
      // Both sync at most once a second; this is about a change that comes alone.
      await delay(1_500, undefined, { signal })
      touched = false
      const committed = new Promise<'committed'>(resolve => (done = () => resolve('committed')))
      const start = performance.now()
      source.replaceEndpoint(round)
      if ((await Promise.race([committed, delay(PATIENCE_MS, 'late', { signal, ref: false })])) === 'late') break
      found.push(performance.now() - start)
    }
  } finally {
    watch.close()
  }
  return found
}
