import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { parsePrefix, subPrefixAt } from '../../../src/net/ip/prefix.ts'
import { keyFromBytes } from '../../../src/net/wireguard/key.ts'
import { planWireguard, WIREGUARD_LINKS } from '../../../src/agent/backends/wireguard/plan.ts'
import { planVxlan } from '../../../src/agent/backends/vxlan/plan.ts'
import { vtepMacFrom } from '../../../src/agent/backends/vxlan/vtep.ts'
import { afterSteps } from '../../../src/agent/dataplane/after-steps.ts'
import { planDataplane } from '../../../src/agent/dataplane/plan.ts'
import type { ObservedState } from '../../../src/agent/dataplane/observed.ts'
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

/** Everything about a state that a plan can see, whatever its order. */
const seen = ({ neighbours, fdb, routes, wireguard }: ObservedState): readonly (readonly string[])[] =>
  [neighbours, fdb, routes, ...wireguard.map(({ peers }) => peers)].map(list => list.map(entry => JSON.stringify(entry, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toSorted())

test('the state worked out from the steps is the state that the kernel has', t => {
  const peers = fc.uniqueArray(fc.record({ index: fc.integer({ min: 1, max: 9 }), host: fc.integer({ min: 2, max: 9 }), seed: fc.integer({ min: 0, max: 2 }) }), { selector: ({ index }) => index, maxLength: 8 })
  fc.assert(fc.property(fc.array(peers, { minLength: 2, maxLength: 5 }), rounds => {
    const kernel = new KernelModel('eth0')
    let known: ObservedState | undefined
    for (const round of rounds) {
      const leases = round.map(({ index, host, seed }) => lease(index, host, seed))
      const desired = {
        ...planVxlan({ config, networks: { 4: network }, subnets: { 4: parsePrefix('10.244.0.0/24', 's') }, peers: leases, underlay, identity: { 4: parseMac('0e:2a:00:00:00:01', 'm') } }),
        ownLinkNames: ['flannel.1'], territory: [network], underlay: 'eth0', complete: true,
      }
      const observed = known ?? kernel.observed()
      const steps = planDataplane(desired, { ...observed, sysctls: kernel.sysctls })
      for (const step of steps) kernel.apply(step)
      known = afterSteps(observed, steps)
      if (known !== undefined) t.deepEqual(seen(known), seen(kernel.observed()))
      t.deepEqual(planDataplane(desired, kernel.observed()), [])
    }
  }))
})

test('the same for the peers of a WireGuard device, whose prefixes go from one to another', t => {
  const peers = fc.uniqueArray(fc.record({ index: fc.integer({ min: 1, max: 9 }), host: fc.integer({ min: 2, max: 9 }), seed: fc.integer({ min: 1, max: 12 }) }), { selector: ({ index }) => index, maxLength: 8 })
  const wireguard = { kind: 'wireguard', listenPort: 51_820, listenPortV6: 51_821, mtu: undefined, psk: undefined, keepaliveSeconds: 0, mode: 'separate' } as const
  const key = (seed: number) => keyFromBytes(Buffer.alloc(32, seed))
  fc.assert(fc.property(fc.array(peers, { minLength: 2, maxLength: 5 }), rounds => {
    const kernel = new KernelModel('eth0')
    let known: ObservedState | undefined
    for (const round of rounds) {
      const leases = round.map(({ index, host, seed }): Lease => ({
        ...lease(index, host, 0), attributes: { publicIps: { 4: ip(`192.0.2.${host}`) }, backendType: 'wireguard', podMtu: 1420, backendData: { 4: { PublicKey: key(seed), Port: 51_820 } } },
      }))
      const desired = {
        ...planWireguard({ config: wireguard, networks: { 4: network }, subnets: { 4: parsePrefix('10.244.0.0/24', 's') }, peers: leases, underlay, identity: { privateKey: key(100), publicKey: key(101) } }),
        ownLinkNames: WIREGUARD_LINKS, territory: [network], underlay: 'eth0', complete: true,
      }
      const observed = known ?? kernel.observed()
      const steps = planDataplane(desired, { ...observed, sysctls: kernel.sysctls })
      for (const step of steps) kernel.apply(step)
      known = afterSteps(observed, steps)
      if (known !== undefined) t.deepEqual(seen(known), seen(kernel.observed()))
      t.deepEqual(planDataplane(desired, kernel.observed()), [])
    }
    t.not(afterSteps(kernel.observed(), []), undefined)
  }))
})
