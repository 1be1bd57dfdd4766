// One agent among many hosts that exist in the registry alone: reading leases, settling them and planning the kernel, with the
// kernel's part left out.

import { planBackend } from '../../../../src/agent/backends/index.ts'
import type { VxlanConfig } from '../../../../src/agent/config/backend-config.ts'
import type { DesiredState } from '../../../../src/agent/dataplane/desired.ts'
import { establishedBy, type Established } from '../../../../src/agent/dataplane/established.ts'
import type { ObservedState } from '../../../../src/agent/dataplane/observed.ts'
import { establishedAfter, planPeerChange } from '../../../../src/agent/dataplane/peer-change-plan.ts'
import { planDataplane } from '../../../../src/agent/dataplane/plan.ts'
import { LeaseMap } from '../../../../src/agent/leases/etcd/lease-map.ts'
import type { EtcdEntry } from '../../../../src/agent/leases/etcd/etcd-registry.ts'
import type { Lease } from '../../../../src/agent/leases/lease.ts'
import { settleLeases } from '../../../../src/agent/leases/settle.ts'
import type { Underlay } from '../../../../src/agent/underlay/underlay.ts'
import { parseAddress } from '../../../../src/net/ip/address.ts'
import { parseMac } from '../../../../src/net/ip/mac.ts'
import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { median } from '../../statistics.ts'
import { leaseValue } from './lease-store.ts'

export type Simulated = Readonly<{
  hosts: number
  start: Readonly<{ ms: number; bytes: number }>
  changes: readonly number[]
  changeMs: number
  /** What one changed lease brings to each agent. */
  changeBytes: number
}>

const ADDRESS = parseAddress('172.30.0.1', 'address')
const MAC = parseMac('0e:ff:00:00:00:01', 'mac')
const NETWORKS = { 4: parsePrefix('10.0.0.0/8', 'network') }
const SUBNETS = { 4: parsePrefix('10.3.1.0/24', 'subnet') }
const CONFIG: VxlanConfig = { kind: 'vxlan', vni: 1, port: 0, mtu: undefined, gbp: false, learning: false, directRouting: false, txChecksumOffload: 'auto' }
const UNDERLAY: Underlay = { link: 'eth0', ifindex: 2, mtu: 1500, addresses: { 4: ADDRESS }, published: { 4: ADDRESS }, routes: [], why: 'simulated' }
const OWN = { owner: '10.3.1.0-24', age: 0, subnets: SUBNETS, attributes: { publicIps: { 4: ADDRESS }, backendType: 'vxlan', backendData: {} } }

/** Bytes of a key-value pair on the wire: key, value, and the five numbers etcd tells with it (rpc.proto, mvccpb.KeyValue). */
const ENTRY_OVERHEAD_BYTES = 40
const bytesOf = (entry: EtcdEntry): number => '/coreos.com/network/subnets/'.length + entry.name.length + entry.value.length + ENTRY_OVERHEAD_BYTES

const entryOf = (index: number, generation: number): EtcdEntry => ({
  name: `10.${64 + (index >> 8)}.${index & 255}.0-24`, value: leaseValue(index, generation),
  createRevision: String(index + 1), modRevision: String(1_000_000 * generation + index + 1), leaseId: '1',
})

export async function simulate(hosts: number, { changes, signal }: Readonly<{ changes: number; signal: AbortSignal }>): Promise<Simulated> {
  const entries = Array.from({ length: hosts }, (_, index) => entryOf(index, 0))
  const map = new LeaseMap()
  const startMs = performance.now()
  map.replace({ revision: String(hosts), entries })
  let state = firstPass(map, hosts)
  const start = { ms: performance.now() - startMs, bytes: entries.reduce((sum, entry) => sum + bytesOf(entry), 0) }
  const samples: number[] = []
  let changeBytes = 0
  for (let change = 0; change < changes; change += 1) {
    signal.throwIfAborted()
    // A host that is new, so that exactly its three entries are to be made.
    const entry = entryOf(hosts + change, 1)
    const beganMs = performance.now()
    map.apply([{ type: 'put', entry }])
    state = nextPass(map, state)
    samples.push(performance.now() - beganMs)
    changeBytes = bytesOf(entry)
  }
  return { hosts, start, changes: samples, changeMs: median(samples), changeBytes }
}

type State = Readonly<{ peers: readonly Lease[]; established: Established }>

const settle = (map: LeaseMap): readonly Lease[] => settleLeases({ leases: [...map.table.leases.values()], own: OWN, networks: NETWORKS }).peers
const plan = (peers: readonly Lease[]) => planBackend(CONFIG, { networks: NETWORKS, subnets: SUBNETS, peers, underlay: UNDERLAY, identity: { macs: { 4: MAC } }, carrierLink: undefined })

/** What the network loop does between the first list and the kernel's socket. */
function firstPass(map: LeaseMap, hosts: number): State {
  const peers = settle(map)
  const desired: DesiredState = { ...plan(peers), sysctls: [], ownLinkNames: ['flannel.1'], territory: [NETWORKS[4]], underlay: 'eth0', complete: true }
  const steps = planDataplane(desired, bareHost())
  if (steps.length !== 3 * hosts) throw new Error(`${steps.length} steps for ${hosts} hosts`)
  return { peers, established: establishedBy(desired) }
}

/** The same after one more lease. */
function nextPass(map: LeaseMap, { peers: before, established }: State): State {
  const peers = settle(map)
  const [former, current] = [new Set(before), new Set(peers)]
  const change = { before: plan(before.filter(peer => !current.has(peer))), now: plan(peers.filter(peer => !former.has(peer))), ifindexOf: () => 3 }
  const steps = planPeerChange(change)
  if (steps?.length !== 3) throw new Error(`${steps?.length} steps for one new host`)
  return { peers, established: establishedAfter(established, change) }
}

/** A host whose device stands and leads nowhere yet. */
const bareHost = (): ObservedState => ({
  links: [
    { ifindex: 2, name: 'eth0', kind: '', up: true, mtu: 1500, mac: undefined, loopback: false, txChecksum: undefined, vxlan: undefined, ipip: undefined },
    {
      ifindex: 3, name: 'flannel.1', kind: 'vxlan', up: true, mtu: 1450, mac: MAC, loopback: false, txChecksum: true, ipip: undefined,
      vxlan: { vni: 1, parentIfindex: 2, local: ADDRESS, port: 8472, learning: false, gbp: false, foreignOptions: false },
    },
  ],
  addresses: [{ ifindex: 3, value: { address: parseAddress('10.3.1.0', 'address'), prefixLength: 32 }, scope: 'global', deprecated: false, temporary: false, permanent: true }],
  routes: [], neighbours: [], fdb: [], wireguard: [], sysctls: new Map(),
})
