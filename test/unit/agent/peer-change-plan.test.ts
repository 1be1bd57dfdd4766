import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { parsePrefix, subPrefixAt } from '../../../src/net/ip/prefix.ts'
import { planVxlan } from '../../../src/agent/backends/vxlan/plan.ts'
import { vtepMacFrom } from '../../../src/agent/backends/vxlan/vtep.ts'
import { establishedAfter, planPeerChange } from '../../../src/agent/dataplane/peer-change-plan.ts'
import { establishedBy, type Established } from '../../../src/agent/dataplane/established.ts'
import { planDataplane } from '../../../src/agent/dataplane/plan.ts'
import { RTPROT_BOOT } from '../../../src/agent/dataplane/routes-plan.ts'
import type { Lease } from '../../../src/agent/leases/lease.ts'
import { KernelModel } from './model/kernel-model.ts'

const network = parsePrefix('10.244.0.0/16', 'n')
const ip = (text: string) => parseAddress(text, 'test')
const config = { kind: 'vxlan', vni: 1, port: 0, mtu: undefined, gbp: false, learning: false, directRouting: false, txChecksumOffload: 'auto' } as const
const underlay = { link: 'eth0', ifindex: 2, mtu: 1500, addresses: { 4: ip('192.0.2.1') }, published: { 4: ip('192.0.2.1') }, why: 'test', routes: [] }

const lease = (index: number, host: number, seed: number): Lease => ({
  owner: `n${index}`, age: index, subnets: { 4: subPrefixAt(network, 24, BigInt(index)) },
  attributes: { publicIps: { 4: ip(`192.0.2.${host}`) }, backendType: 'vxlan', backendData: { 4: { VtepMAC: vtepMacFrom(Uint8Array.of(2, 0, 0, 0, seed, index)) } } },
})

const planFor = (peers: readonly Lease[]) =>
  planVxlan({ config, networks: { 4: network }, subnets: { 4: parsePrefix('10.244.0.0/24', 's') }, peers, underlay, identity: { 4: parseMac('0e:2a:00:00:00:01', 'm') } })
const anyPeers = fc.uniqueArray(fc.record({ index: fc.integer({ min: 1, max: 9 }), host: fc.integer({ min: 2, max: 9 }), seed: fc.integer({ min: 0, max: 2 }) }), { selector: ({ index }) => index, maxLength: 8 })
  .map(peers => peers.map(({ index, host, seed }) => lease(index, host, seed)))

test('the steps for the peers that changed leave the kernel as the whole comparison wants it', t => {
  fc.assert(fc.property(fc.array(anyPeers, { minLength: 2, maxLength: 6 }), rounds => {
    const kernel = new KernelModel('eth0')
    let established: Established | undefined
    let before: readonly Lease[] = []
    for (const peers of rounds) {
      const desired = { ...planFor(peers), ownLinkNames: ['flannel.1'], territory: [network], underlay: 'eth0', complete: true }
      if (established === undefined) {
        for (const step of planDataplane(desired, kernel.observed())) kernel.apply(step)
        established = establishedBy(desired)
      } else {
        const change = {
          before: planFor(before.filter(peer => !peers.includes(peer))), now: planFor(peers.filter(peer => !before.includes(peer))),
          ifindexOf: (name: string) => kernel.links.find(link => link.name === name)?.ifindex,
        }
        for (const step of planPeerChange(change)!) kernel.apply(step)
        established = establishedAfter(established, change)
      }
      t.deepEqual(planDataplane(desired, kernel.observed()), [])
      t.deepEqual([...established].toSorted(), [...establishedBy(desired)].toSorted())
      before = peers
    }
  }))
})

test('a route that a flannel left and that was adopted goes with its peer', t => {
  const kernel = new KernelModel('eth0')
  const desired = { ...planFor([lease(1, 11, 1)]), ownLinkNames: ['flannel.1'], territory: [network], underlay: 'eth0', complete: true }
  for (const step of planDataplane(desired, kernel.observed())) kernel.apply(step)
  kernel.routes = kernel.routes.map(route => ({ ...route, protocol: RTPROT_BOOT }))
  const change = { before: planFor([lease(1, 11, 1)]), now: planFor([]), ifindexOf: (name: string) => kernel.links.find(link => link.name === name)?.ifindex }
  for (const step of planPeerChange(change)!) kernel.apply(step)
  t.deepEqual(kernel.routes, [])
})

test('without the link only a look at the whole tells', t => {
  t.is(planPeerChange({ before: planFor([]), now: planFor([lease(1, 11, 1)]), ifindexOf: () => undefined }), undefined)
})
