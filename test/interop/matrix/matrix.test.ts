// {Weft, upstream} API server × agent × proxy × CNI: every combination carries the same traffic. Cells whose peers this
// machine lacks are skipped with the command that brings them.

import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { missingPeer } from '../../peers/cache.ts'
import { Cell, missingIn, type CellParts } from './cell.ts'

const PARTS: readonly CellParts[] = (['weft', 'upstream'] as const).flatMap(apiserver =>
  (['weft', 'upstream'] as const).flatMap(agent =>
    (['weft-iptables', 'weft-nftables', 'upstream-iptables', 'upstream-nftables'] as const).flatMap(proxy =>
      // Weft's plugin does its work in Weft's agent, so it needs that agent on the host.
      (agent === 'weft' ? (['weft', 'upstream'] as const) : (['upstream'] as const)).map(cni => ({ apiserver, agent, proxy, cni })),
    ),
  ),
)
/** The same with upstream's controllers and scheduler, for both API servers. */
const CONTROLLED: readonly CellParts[] = (['weft', 'upstream'] as const).map(apiserver => ({ apiserver, agent: 'weft', proxy: 'weft-nftables', cni: 'weft', controllers: 'upstream' }))

/** WEFT_CELLS="1/4" takes the first of four shares, for machines that are shared. */
const [share = 1, shares = 1] = (process.env['WEFT_CELLS'] ?? '1/1').split('/').map(Number)
const cells = [...PARTS, ...CONTROLLED].filter((_, index) => index % shares === share - 1)

for (const parts of cells) {
  const missing = missingIn(parts)
  const title = `API server ${parts.apiserver}, agent ${parts.agent}, proxy ${parts.proxy}, CNI ${parts.cni}${parts.controllers === undefined ? '' : `, controllers and scheduler ${parts.controllers}`}`
  const run = missing.length === 0 ? test.serial : test.serial.skip
  run(missing.length === 0 ? title : `${title} (${missing.map(missingPeer).join('; ')})`, async t => {
    t.timeout(180_000)
    await using cell = await Cell.open(parts)
    const [a, b] = [await cell.pod('a'), await cell.pod('b')]
    // Ready without a probe means started: the server inside may need a moment more.
    const settled = { timeoutMs: 15_000, intervalMs: 200 }
    await eventually(async () => (await cell.answering(a.netns, b.address, 8080, 2)).join() === 'b' || 'pod to pod across hosts', settled)
    await eventually(async () => (await cell.answering(a.netns, cell.clusterIp, 80)).length === 3 || 'cluster IP', settled)
    for (const host of cell.lab.hosts) {
      const other = cell.lab.hosts.find(candidate => candidate !== host)!
      await eventually(async () => (await cell.answering(other.netns, host.address, cell.nodePort)).length === 3 || `node port of ${host.name}`, settled)
    }
    await cell.api.kubectl('delete', 'pod', 'c', '--wait=true')
    await eventually(async () => (await cell.answering(a.netns, cell.clusterIp, 80)).join() === 'a,b' || 'after c was deleted', settled)
    t.pass()
  })
}
