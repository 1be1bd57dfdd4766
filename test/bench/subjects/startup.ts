// Start of a cluster: from nothing to the first answer at a node port. `weft up` as a person runs it, with and without the
// compiled code of earlier starts; and the same two hosts made of Weft's parts and of upstream's, in turn.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../../src/cluster/echo/ask.ts'
import { Cell, missingIn, type CellParts } from '../../interop/matrix/cell.ts'
import { eventually } from '../../lab/eventually.ts'
import { getHttp } from '../../lab/client.ts'
import { LocalCluster } from '../../lab/local-cluster.ts'
import { missingPeer } from '../../peers/cache.ts'
import { alternate } from '../alternate.ts'
import type { Figure, Result, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'

const WEFT: CellParts = { apiserver: 'weft', agent: 'weft', proxy: 'weft-iptables', cni: 'weft' }
const UPSTREAM: CellParts = { apiserver: 'upstream', agent: 'upstream', proxy: 'upstream-iptables', cni: 'upstream' }
const HOSTS = 3

export async function measure(context: BenchContext): Promise<Omit<Result, 'subject'>> {
  const missing = missingIn(UPSTREAM)
  const skips: Skip[] = missing.length === 0 ? [] : [{ key: 'parts/2-hosts', reason: `without the peer: ${missing.map(missingPeer).join('; ')}` }]
  return { figures: [await up(context), await parts(context, missing.length === 0)], series: [], skips }
}

/** `weft up --detach` until a node port answered from outside. */
async function up({ quick, say, signal }: BenchContext): Promise<Figure> {
  const cache = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  const once = (name: string, compiled: string | undefined) => async (round: number): Promise<number> => {
    signal.throwIfAborted()
    const before = process.env['NODE_COMPILE_CACHE']
    const folder = compiled ?? join(cache, `round-${round}`)
    if (compiled === undefined && existsSync(folder)) throw new Error(`${folder} is not cold`)
    process.env['NODE_COMPILE_CACHE'] = folder
    try {
      const startMs = performance.now()
      await using cluster = await LocalCluster.up(['--nodes', String(HOSTS)])
      const nodePort = Number(await cluster.kubectl(['get', 'svc', 'echo', '-o', 'jsonpath={.spec.ports[0].nodePort}']))
      await ask(`http://${cluster.address(HOSTS)}:${nodePort}/`, { timeoutMs: 5_000, signal })
      const ms = performance.now() - startMs
      say(`weft up, ${name}: ${Math.round(ms)} ms`)
      return ms
    } finally {
      if (before === undefined) delete process.env['NODE_COMPILE_CACHE']
      else process.env['NODE_COMPILE_CACHE'] = before
    }
  }
  try {
    const [warm, cold] = await alternate([{ name: 'warm', once: once('warm', join(cache, 'warm')) }, { name: 'cold', once: once('cold', undefined) }], { rounds: quick ? 1 : 5, warmup: 1 })
    return { key: `up/${HOSTS}-hosts`, what: `weft up with ${HOSTS} hosts, until a node port has answered from outside`, unit: 'ms', weft: warm!, peerName: 'weft up with no compiled code at hand', peer: cold! }
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}

/** Two hosts from the first process to the first answer; controllers, node part and pods are Weft's on both sides. */
async function parts({ quick, say, signal }: BenchContext, beside: boolean): Promise<Figure> {
  const once = (name: string, made: CellParts) => async (): Promise<number> => {
    signal.throwIfAborted()
    const startMs = performance.now()
    await using cell = await Cell.open(made)
    const [asked, asking] = cell.lab.hosts as [typeof cell.lab.hosts[number], typeof cell.lab.hosts[number]]
    await eventually(async () => (await getHttp(asking.netns, { address: asked.address, port: cell.nodePort, timeoutMs: 1_000 })).status === 200, { timeoutMs: 30_000 })
    const ms = performance.now() - startMs
    say(`two hosts of ${name}'s parts: ${Math.round(ms)} ms`)
    return ms
  }
  const contestants = [{ name: 'weft', once: once('Weft', WEFT) }, ...(beside ? [{ name: 'upstream', once: once('upstream', UPSTREAM) }] : [])]
  const [weft, peer] = await alternate(contestants, { rounds: quick ? 1 : 5, warmup: 0 })
  return {
    key: 'parts/2-hosts', what: 'API server, agents, proxies and CNI plugins on two hosts, started one after another, until a node port has answered', unit: 'ms', weft: weft!,
    ...(peer !== undefined && { peerName: 'kube-apiserver 1.36.3 with etcd, flanneld 0.28.4, kube-proxy 1.36.3, CNI plugins 1.9.1', peer }),
  }
}
