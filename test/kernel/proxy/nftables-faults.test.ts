// What can go wrong between the nftables backend and the kernel: refusals, answers and notifications that are lost. Whatever it
// is, the kernel ends with what it should hold. Serial, because some tests stand between the backend and its socket.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { NetlinkError, refused } from '../../../src/net/netlink/netlink-error.ts'
import { createNetns, removeNetns } from '../../../src/net/netns/named-netns.ts'
import { Nftables, NftablesError } from '../../../src/net/nfnetlink/nftables.ts'
import type { Change } from '../../../src/net/nfnetlink/objects.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { NftablesBackend } from '../../../src/proxy/nftables-backend/nftables-backend.ts'
import { ServiceTable } from '../../../src/proxy/service-table/service-table.ts'
import type { SyncReport } from '../../../src/proxy/sync/backend.ts'
import { Tracker } from '../../../src/proxy/tracker/tracker.ts'
import { eventually } from '../../lab/eventually.ts'
import { systemPath } from '../../lab/processes.ts'

const { signal } = new AbortController()

type Bench = Readonly<{
  foreign: string[]
  nft: (input: string) => string
  tell: (...objects: readonly (Service | EndpointSlice)[]) => void
  sync: (options?: Readonly<{ full: boolean }>) => Promise<SyncReport>
}>

async function open(t: ExecutionContext): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-faults-'))
  const netns = join(folder, 'ns')
  createNetns(netns)
  t.teardown(() => {
    removeNetns(netns)
    rmSync(folder, { recursive: true })
  })
  const tracker = new Tracker({ family: 4, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  const table = new ServiceTable({ nodeName: 'node-1', zone: undefined, nodeIps: [] })
  const backend = await NftablesBackend.open({
    ruleset: { family: 4, masqueradeMark: 1 << 14, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix('10.244.0.0/24', 'pods') } },
    nodePortAddresses: async () => ({ kind: 'all', loopback: false }), serviceCidrs: () => [parsePrefix('10.96.0.0/16', 'services')], netns, log: silentLog(),
  }, { signal })
  t.teardown(() => backend[Symbol.asyncDispose]())
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const foreign: string[] = []
  backend.watch(program => foreign.push(program), { signal: stop.signal })
  return {
    foreign,
    nft: input => execFileSync('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], { input, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, PATH: systemPath(process.env['PATH']) } }),
    tell: (...objects) => objects.forEach(object => ('addressType' in object ? tracker.applySlice(object) : tracker.applyService(object as Service))),
    sync: ({ full } = { full: false }) => backend.sync({ table, changes: table.apply(tracker.takeChanges().ports), full }, { signal }),
  }
}

const service = (name: string, ip: string): Service => ({
  metadata: { namespace: 'default', name }, spec: { clusterIP: ip, clusterIPs: [ip], ipFamilies: ['IPv4'], ports: [{ name: 'p', port: 80, protocol: 'TCP' }] },
})

const slice = (name: string, count: number): EndpointSlice => ({
  metadata: { namespace: 'default', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4', ports: [{ name: 'p', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: count }, (_, i) => ({ addresses: [`10.244.${i >> 8}.${i & 255}`], conditions: { ready: true } })),
})

/** Lets `instead` stand in for the backend's commits while the test runs; it is given the real one. */
function interfere(t: ExecutionContext, instead: (real: () => Promise<void>, changes: readonly Change[]) => Promise<void>): void {
  const { commit } = Nftables.prototype
  t.teardown(() => {
    Nftables.prototype.commit = commit
  })
  Nftables.prototype.commit = function (changes, options) {
    return instead(() => commit.call(this, changes, options), changes)
  }
}

const refusal = (errno: number, errnoName: string): NftablesError => new NftablesError(refused('batch', { errno, errnoName }), undefined)

const isWhole = async (t: ExecutionContext, bench: Bench): Promise<void> => {
  const { repaired, written } = await bench.sync({ full: true })
  t.deepEqual({ repaired, written }, { repaired: [], written: { elements: 0, rules: 0 } })
}

test.serial('ENOENT: what a change takes away somebody has taken before; everything else is brought in force', async t => {
  const bench = await open(t)
  bench.tell(service('web', '10.96.0.10'), slice('web', 3))
  await bench.sync()
  bench.nft('delete element ip weft endpoints { 10.96.0.10 . tcp . 80 . 0x00000002 }')
  bench.tell(slice('web', 2))
  t.true((await bench.sync()).fellBack)
  await isWhole(t, bench)
})

test.serial('EEXIST: where a change puts an element somebody has put another; ours takes its place', async t => {
  const bench = await open(t)
  await bench.sync()
  bench.nft('add element ip weft services { 10.96.0.10 . tcp . 80 : 0x00000001 }')
  bench.tell(service('web', '10.96.0.10'), slice('web', 1))
  t.true((await bench.sync()).fellBack)
  await isWhole(t, bench)
})

for (const [errno, name] of [[11, 'EAGAIN'], [85, 'ERESTART'], [105, 'ENOBUFS'], [12, 'ENOMEM'], [16, 'EBUSY']] as const) {
  test.serial(`${name}: a change that the kernel refuses for the moment is in force after the same sync`, async t => {
    const bench = await open(t)
    bench.tell(service('web', '10.96.0.10'), slice('web', 3))
    await bench.sync()
    let refusals = 0
    interfere(t, (real, changes) => {
      if (changes.length === 0 || refusals > 0) return real()
      refusals += 1
      return Promise.reject(refusal(errno, name))
    })
    bench.tell(slice('web', 4))
    t.true((await bench.sync()).fellBack)
    t.is(refusals, 1)
    await isWhole(t, bench)
  })
}

test.serial('a lost answer: the sync fails, and the next one finds that the change was in force already', async t => {
  const bench = await open(t)
  bench.tell(service('web', '10.96.0.10'), slice('web', 3))
  await bench.sync()
  let lost = false
  interfere(t, async real => {
    await real()
    if (!lost) {
      lost = true
      throw new NetlinkError('NETLINK_OVERRUN', 'the kernel dropped netlink messages', {}, { retryable: true })
    }
  })
  bench.tell(slice('web', 2))
  await t.throwsAsync(bench.sync(), { code: 'NETLINK_OVERRUN' })
  const { kind, written } = await bench.sync()
  // All that is left is the class that nobody needs any more: its number, its rules and its chain go.
  t.deepEqual({ kind, rules: written['rules'] }, { kind: 'full', rules: 0 })
  await isWhole(t, bench)
})

test.serial('a batch that is too large for the kernel goes in halves', async t => {
  const bench = await open(t)
  interfere(t, (real, changes) => (changes.some(change => 'elements' in change && change.elements.length > 60) ? Promise.reject(refusal(105, 'ENOBUFS')) : real()))
  bench.tell(service('web', '10.96.0.10'), slice('web', 400))
  t.is((await bench.sync({ full: true })).kind, 'full')
  await isWhole(t, bench)
})

test.serial('notifications that nobody read in time: the loss is noticed and everything compared', async t => {
  const bench = await open(t)
  bench.tell(service('web', '10.96.0.10'), slice('web', 3))
  await bench.sync()
  // Nothing is read while this runs: it holds the event loop.
  const many = Array.from({ length: 160_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  bench.nft(`add table ip theirs; add set ip theirs many { type ipv4_addr; }; add element ip theirs many { ${many.join(', ')} }; flush chain ip weft dispatch`)
  await eventually(async () => bench.foreign.some(program => program.includes('lost')) || bench.foreign.join())
  t.deepEqual((await bench.sync({ full: true })).repaired, ['chain dispatch'])
  await isWhole(t, bench)
})
