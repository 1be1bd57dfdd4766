// Section I: UDP clients that keep their source port while endpoints change.

import { draining, HTTP, service, slice, up, type EndpointSpec, type ServiceSpec } from '../objects.ts'
import type { Scenario } from '../scenario.ts'
import type { AddressName, HostName } from '../topology.ts'
import type { World } from '../world.ts'

const NODE_PORT = 30_053
const DNS: ServiceSpec = { type: 'LoadBalancer', ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: NODE_PORT }], vips: ['vip'], externalIps: ['external'] }
const dns = (w: World, endpoints: readonly EndpointSpec[], port = 53) => slice(w.family, endpoints, { ports: [{ name: 'dns', port, protocol: 'UDP' }] })

let sourcePort = 20_000

/** A client with one source port: who answers its next datagram. */
function client(w: World, from: HostName, to: AddressName, port: number): () => Promise<string> {
  const localPort = (sourcePort += 1)
  return async () => (await w.host(from).udp(w.address(to), port, { localPort, timeoutMs: 1_500 })).server
}

export const udpScenarios: readonly Scenario[] = [
  {
    numbers: '98', title: 'a flow moves to the new endpoint with the next datagram, under every address',
    run: async (t, w) => {
      await w.apply(service(w.family, DNS), dns(w, [up('L1')]))
      const flows = [client(w, 'C', 'clusterIp', 53), client(w, 'E', 'node-1', NODE_PORT), client(w, 'E', 'vip', 53), client(w, 'C', 'external', 53), client(w, 'node-1', 'clusterIp', 53)]
      for (const ask of flows) t.is(await ask(), 'L1')
      await w.apply(dns(w, [up('L2')]))
      for (const ask of flows) t.is(await ask(), 'L2')
    },
  },
  {
    numbers: '99', title: 'a flow moves when the endpoint changes its port',
    run: async (t, w) => {
      await w.apply(service(w.family, DNS), dns(w, [up('L1')]))
      const ask = client(w, 'C', 'clusterIp', 53)
      t.is(await ask(), 'L1')
      await w.apply(dns(w, [up('L1')], 5353))
      t.is(await ask(), 'L1:5353')
    },
  },
  {
    numbers: '100', title: 'a flow from before the service was programmed finds the endpoint',
    run: async (t, w) => {
      const ask = client(w, 'C', 'clusterIp', 53)
      await t.throwsAsync(ask())
      await w.apply(service(w.family, DNS), dns(w, [up('L1')]))
      t.is(await ask(), 'L1')
    },
  },
  {
    numbers: '101', title: 'a flow stays with an endpoint that drains, and moves when it stops serving',
    run: async (t, w) => {
      await w.apply(service(w.family, DNS), dns(w, [up('L1')]))
      const ask = client(w, 'C', 'clusterIp', 53)
      t.is(await ask(), 'L1')
      await w.apply(dns(w, [draining('L1'), up('L2')]))
      t.is(await ask(), 'L1')
      await w.apply(dns(w, [draining('L1', { serving: false }), up('L2')]))
      t.is(await ask(), 'L2')
    },
  },
  {
    numbers: '102', title: 'when the last endpoint goes, its flows stay and new ones are refused',
    run: async (t, w) => {
      await w.apply(service(w.family, DNS), dns(w, [up('L1')]))
      const ask = client(w, 'C', 'clusterIp', 53)
      t.is(await ask(), 'L1')
      await w.apply(dns(w, []))
      t.is(await ask(), 'L1')
      await w.fails(t, 'C', 'clusterIp', 53, 'refused', 'udp')
    },
  },
  {
    numbers: '103', title: 'flows of TCP and of other services are left alone',
    run: async (t, w) => {
      await w.apply(
        service(w.family, { ports: [HTTP, { name: 'dns', port: 53, protocol: 'UDP' }] }),
        slice(w.family, [up('L1')], { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'http', port: 80, protocol: 'TCP' }] }),
        service(w.family, { name: 'b', clusterIp: 'clusterIp2', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
        slice(w.family, [up('R1'), up('R2')], { name: 'b-1', service: 'b', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
      )
      await using connection = await w.host('C').openTcp(w.address('clusterIp'), 80)
      const other = client(w, 'C', 'clusterIp2', 53)
      const before = await other()
      const direct = client(w, 'C', 'L1', 53)
      t.is(await direct(), 'L1')
      await w.apply(slice(w.family, [up('L2')], { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'http', port: 80, protocol: 'TCP' }] }))
      t.is(await connection.send('still open'), 'still open')
      t.is(await other(), before)
      t.is(await direct(), 'L1')
    },
  },
  {
    numbers: '104', title: 'internal policy Local follows its local endpoint, and flipping it leaves flows where they are',
    run: async (t, w) => {
      const local: ServiceSpec = { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }], internal: 'Local' }
      await w.apply(service(w.family, local), dns(w, [up('L1')]))
      const ask = client(w, 'C', 'clusterIp', 53)
      t.is(await ask(), 'L1')
      await w.apply(dns(w, [up('L2')]))
      t.is(await ask(), 'L2')
      await w.apply(service(w.family, { ...local, internal: 'Cluster' }), dns(w, [up('R1')]))
      const remote = client(w, 'C', 'clusterIp', 53)
      t.is(await remote(), 'R1')
      await w.apply(dns(w, [up('L1'), up('R1')]))
      await w.apply(service(w.family, local))
      t.is(await remote(), 'R1')
    },
  },
  {
    numbers: 'specification 8.7', title: 'a flow through this node to the same port number of somebody else is left alone',
    run: async (t, w) => {
      await w.apply(service(w.family, { ...DNS, ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 5353 }] }), dns(w, [up('L1')]))
      const through = client(w, 'E', 'R1', 5353)
      t.is(await through(), 'R1:5353')
      const before = (await w.host('node-1').exec(['conntrack', '-L', '-p', 'udp', '-f', w.family === 4 ? 'ipv4' : 'ipv6'])).stdout
      await w.apply(dns(w, [up('L2')]))
      const after = (await w.host('node-1').exec(['conntrack', '-L', '-p', 'udp', '-f', w.family === 4 ? 'ipv4' : 'ipv6'])).stdout
      t.regex(before, /dport=5353/)
      t.regex(after, /dport=5353/)
    },
  },
]
