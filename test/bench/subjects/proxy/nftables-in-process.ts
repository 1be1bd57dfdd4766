// The nftables mode without an API server: tracker, service table and backend in this process, the kernel in a namespace.

import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { silentLog } from '../../../../src/ops/log.ts'
import { Nftables } from '../../../../src/net/nfnetlink/nftables.ts'
import { NftablesBackend } from '../../../../src/proxy/nftables-backend/nftables-backend.ts'
import type { NftablesRulesetOptions } from '../../../../src/proxy/nftables/options.ts'
import { EMPTY_KERNEL, planResync } from '../../../../src/proxy/nftables/plan-resync.ts'
import { NftablesRuleset } from '../../../../src/proxy/nftables/ruleset.ts'
import { ServiceTable } from '../../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../../src/proxy/tracker/tracker.ts'
import { openLab } from '../../../lab/lab.ts'
import { serviceOf, sliceOf, type Size } from './cluster.ts'

type Call = Readonly<{ signal: AbortSignal }>

const options = {
  family: 4, masqueradeMark: 0x4000, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.128.0.0/9', 'pods') },
} as const satisfies Partial<NftablesRulesetOptions>
const serviceCidrs = [parsePrefix('10.96.0.0/12', 'services')]

/** Objects as the informers have told them; nothing taken from the tracker yet. */
function informed(size: Size): Readonly<{ tracker: Tracker; table: ServiceTable }> {
  const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  for (let n = 16; n < size.services + 16; n += 1) {
    tracker.applyService(serviceOf(n))
    tracker.applySlice(sliceOf(n, size.endpoints))
  }
  return { tracker, table: new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] }) }
}

export type Measured = Readonly<{ programmingMs: number; changesMs: readonly number[] }>

/** From the last object told to the last commit; then `changes` times one endpoint, from its slice to the acknowledged commit. */
export async function program(size: Size, changes: number, call: Call): Promise<Measured> {
  await using lab = await openLab({ hosts: 1 })
  const { tracker, table } = informed(size)
  await using backend = await NftablesBackend.open({ ruleset: options, nodePortAddresses: async () => ({ kind: 'all', loopback: false }), serviceCidrs: () => serviceCidrs, netns: lab.host(1).netns, log: silentLog() }, call)
  const start = performance.now()
  await backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full: true }, call)
  const programmingMs = performance.now() - start
  const changesMs: number[] = []
  for (let round = 0; round < changes; round += 1) {
    // Two in a row are of one service: an endpoint is replaced, then comes back.
    const slice = sliceOf(16 + (((round >> 1) * 7919) % size.services), size.endpoints, 1 - (round % 2))
    const began = performance.now()
    tracker.applySlice(slice)
    await backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full: false }, call)
    changesMs.push(performance.now() - began)
  }
  return { programmingMs, changesMs }
}

/** What happens to be on the processor besides only adds to a batch, so each is measured so often and counts with its least. */
const ROUNDS = 3

/**
 * Milliseconds of processor time that each batch of a cold start takes, from building its messages to its acknowledgement:
 * more than the kernel holds its lock for.
 */
export async function batchTimes(size: Size, call: Call): Promise<readonly number[]> {
  const { tracker, table } = informed(size)
  table.apply(tracker.takeChanges().ports)
  let least: readonly number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const times = await fillOnce(table, call)
    least = times.map((time, batch) => Math.min(time, least[batch] ?? Number.POSITIVE_INFINITY))
  }
  return least
}

async function fillOnce(table: ServiceTable, { signal }: Call): Promise<readonly number[]> {
  await using lab = await openLab({ hosts: 1 })
  const ruleset = new NftablesRuleset({ ...options, nodePortAddresses: { kind: 'all', loopback: false }, serviceCidrs })
  ruleset.load(table.entries())
  using nft = Nftables.open({ netns: lab.host(1).netns })
  const times: number[] = []
  for (const batch of planResync(EMPTY_KERNEL, ruleset)) {
    const before = process.cpuUsage()
    await nft.commit(batch, { signal })
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1000)
  }
  return times
}
