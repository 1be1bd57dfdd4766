// Section A: cluster IPs.

import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { eventually } from '../../../lab/eventually.ts'
import { RawPackets, SCTP, sctpInit } from '../../../lab/raw-packets.ts'
import { HTTP, service, slice, up } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import { addressIn, prefixIn } from '../topology.ts'

const NO_DETECTOR = { detector: { kind: 'none' } } as const

export const clusterIpScenarios: readonly Scenario[] = [
  {
    numbers: '1', title: 'a pod reaches the one endpoint of a cluster IP and is seen as itself',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
    },
  },
  {
    numbers: '2', title: 'a pod reaches itself through its own service',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1')]))
      await w.reaches(t, 'L1', 'clusterIp', 80, ['L1'], 'M')
    },
  },
  {
    numbers: '3', title: 'connections spread evenly over all endpoints',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await w.apply(slice(w.family, [up('L1'), up('L2'), up('R1'), up('R2')]))
      const counts = new Map<string, number>()
      for (let i = 0; i < 1000; i += 20) {
        for (const { server } of await Promise.all(Array.from({ length: 20 }, () => w.tcp('C', 'clusterIp', 80)))) counts.set(server, (counts.get(server) ?? 0) + 1)
      }
      t.is(counts.size, 4)
      // Chi-square with three degrees of freedom: 21.1 is passed once in ten thousand runs.
      const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 250) ** 2 / 250, 0)
      t.true(chiSquare < 21.1, `${[...counts]} chi-square ${chiSquare}`)
    },
  },
  {
    numbers: '4', title: 'the endpoint port may differ from the service port',
    run: async (t, w) => {
      await w.apply(service(w.family, { ports: [{ ...HTTP, port: 443 }] }), slice(w.family, [up('L1'), up('R1')], { ports: [{ name: 'http', port: 8443, protocol: 'TCP' }] }))
      await w.reaches(t, 'C', 'clusterIp', 443, ['L1:8443', 'R1:8443'], 'U')
    },
  },
  {
    numbers: '5', title: 'one port number leads to different targets by protocol',
    run: async (t, w) => {
      const ports = [{ name: 'tcp', port: 53, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }] as const
      await w.apply(service(w.family, { ports }), slice(w.family, [up('L1')], { ports: [{ name: 'tcp', port: 5353, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }] }))
      await w.reaches(t, 'C', 'clusterIp', 53, ['L1:5353'], 'U', 'tcp')
      await w.reaches(t, 'C', 'clusterIp', 53, ['L1'], 'U', 'udp')
    },
  },
  {
    // By packets written by hand: kernels without SCTP sockets still translate it.
    numbers: '5', title: 'SCTP has an entry of its own under the same port number',
    run: async (t, w) => {
      const ports = [{ name: 'tcp', port: 53, protocol: 'TCP' }, { name: 'sctp', port: 53, protocol: 'SCTP' }] as const
      await w.apply(service(w.family, { ports }), slice(w.family, [up('L1')], { ports: [{ name: 'tcp', port: 5353, protocol: 'TCP' }, { name: 'sctp', port: 5354, protocol: 'SCTP' }] }))
      using client = new RawPackets(w.host('C').netns, w.family, SCTP)
      using server = new RawPackets(w.host('L1').netns, w.family, SCTP)
      client.send(w.address('clusterIp'), sctpInit(40_000, 53))
      const [packet] = await eventually(() => {
        const packets = server.received()
        return packets.length > 0 ? packets : 'nothing came'
      })
      t.deepEqual([packet!.readUInt16BE(0), packet!.readUInt16BE(2)], [40_000, 5354])
      await w.reaches(t, 'C', 'clusterIp', 53, ['L1:5353'], 'U', 'tcp')
    },
  },
  {
    numbers: '6, 7', title: 'a port or protocol that the service does not have is not captured', backends: IPTABLES,
    run: async (t, w) => {
      await w.apply(
        service(w.family), slice(w.family, [up('L1')]),
        service(w.family, { name: 'b', clusterIp: 'clusterIp2', ports: [{ ...HTTP, port: 443 }] }), slice(w.family, [up('L2')], { name: 'b-1', service: 'b', ports: [{ name: 'http', port: 443, protocol: 'TCP' }] }),
      )
      await w.isNotCaptured(t, 'C', 'clusterIp', 443)
      await t.throwsAsync(w.udp('C', 'clusterIp', 80, 500))
    },
  },
  {
    numbers: '8', title: 'an address that no service has is not captured', backends: IPTABLES,
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1')]))
      await w.isNotCaptured(t, 'C', 'unallocated', 80)
      await w.isNotCaptured(t, 'node-1', 'unallocated', 80)
    },
  },
  {
    numbers: '9', title: 'node and outside world are masqueraded on their way to a cluster IP',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L1', 'R1'], 'M')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L1', 'R1'], 'M')
    },
  },
  {
    numbers: '10', title: 'without a local detector nobody is masqueraded', settings: () => NO_DETECTOR,
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L1', 'R1'], 'U')
    },
  },
  {
    numbers: '11', title: 'masqueradeAll masquerades pods too', settings: () => ({ masqueradeAll: true }),
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'M')
    },
  },
  {
    numbers: '11', title: 'masqueradeAll needs no detector', settings: () => ({ masqueradeAll: true, ...NO_DETECTOR }),
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'M')
    },
  },
  {
    numbers: '12', title: 'pods are told by the interface that they come in through', settings: () => ({ detector: { kind: 'interface', name: 'to-c' } }),
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L1', 'R1'], 'M')
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L1', 'R1'], 'M')
    },
  },
  {
    numbers: '12', title: 'pods are told by how their interfaces begin', settings: () => ({ detector: { kind: 'interface-prefix', prefix: 'to-c' } }),
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'R1'], 'U')
      await w.reaches(t, 'E', 'clusterIp', 80, ['L1', 'R1'], 'M')
      await w.reaches(t, 'node-1', 'clusterIp', 80, ['L1', 'R1'], 'M')
    },
  },
  {
    numbers: '13', title: "with the node's own pod CIDR, pods of other nodes are masqueraded",
    settings: family => ({ detector: { kind: 'source', prefix: parsePrefix(prefixIn(family, 'nodePods'), 'pods') } }),
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('L2')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'L2'], 'U')
      await w.reaches(t, 'R1', 'clusterIp', 80, ['L1', 'L2'], 'M')
    },
  },
  {
    numbers: '14', title: 'of a dual-stack service each family has its own address and endpoints, and one of the other family makes nothing',
    run: async (t, w) => {
      const other = w.family === 4 ? 6 : 4
      const ips = [addressIn(4, 'clusterIp'), addressIn(6, 'clusterIp')]
      const both = service(w.family)
      await w.apply(
        { ...both, spec: { ...both.spec, clusterIP: ips[0]!, clusterIPs: ips, ipFamilies: ['IPv4', 'IPv6'] } },
        slice(w.family, [up('L1')]), slice(other, [up('L2')], { name: 'a-2' }),
        service(other, { name: 'b', clusterIp: 'clusterIp2' }), slice(w.family, [up('L2')], { name: 'b-1', service: 'b' }),
      )
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await w.isNotCaptured(t, 'C', 'clusterIp2', 80)
    },
  },
  {
    numbers: '15', title: 'a family finds its cluster IP by its place in ipFamilies',
    run: async (t, w) => {
      const ips = [addressIn(6, 'clusterIp2'), addressIn(4, 'clusterIp2')]
      const both = service(w.family)
      await w.apply({ ...both, spec: { ...both.spec, clusterIP: ips[0]!, clusterIPs: ips, ipFamilies: ['IPv6', 'IPv4'] } }, slice(w.family, [up('L1'), up('R1')]))
      await w.reaches(t, 'C', 'clusterIp2', 80, ['L1', 'R1'], 'U')
    },
  },
  {
    numbers: '16', title: 'a service with a proxy name of another proxy is let go, and taken back',
    run: async (t, w) => {
      await w.apply(service(w.family, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }), slice(w.family, [up('L1')]))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
      await w.apply(service(w.family))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await w.apply(service(w.family, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
    },
  },
  {
    numbers: '17', title: 'headless and ExternalName services have no rules, and a change of type makes some',
    run: async (t, w) => {
      await w.apply(service(w.family, { clusterIp: 'None' }), slice(w.family, [up('L1')]))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
      await w.apply(service(w.family, { type: 'ExternalName' }))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
      await w.apply(service(w.family))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await w.apply(service(w.family, { type: 'ExternalName' }))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
    },
  },
  {
    numbers: '18', title: 'a named target port may be another number on every pod',
    run: async (t, w) => {
      await w.apply(
        service(w.family),
        slice(w.family, [up('L1')], { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }),
        slice(w.family, [up('R1')], { name: 'a-2', ports: [{ name: 'http', port: 8443, protocol: 'TCP' }] }),
      )
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1:8080', 'R1:8443'], 'U')
    },
  },
  {
    numbers: '19, 20, 21', title: 'a slice counts only for the port it names, with a number, of the service it names',
    run: async (t, w) => {
      const unnamed = [{ port: 80, protocol: 'TCP' as const }]
      await w.apply(service(w.family, { ports: [{ port: 80, protocol: 'TCP' }] }), slice(w.family, [up('L1')], { ports: [{ name: '', port: 80, protocol: 'TCP' }] }))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      for (const ports of [[{ port: 80 }], [{ name: '', protocol: 'TCP' as const }], [{ name: '', port: 0 }], [{ name: 'other', port: 80 }], [{ name: '', port: 80, protocol: 'UDP' as const }]]) {
        await w.apply(slice(w.family, [up('L1')], { ports }))
        await w.fails(t, 'C', 'clusterIp', 80, 'refused')
      }
      await w.apply({ ...slice(w.family, [up('L1')], { ports: unnamed }), addressType: 'FQDN' })
      await w.apply({ ...slice(w.family, [up('L1')]), metadata: { namespace: 'elsewhere', name: 'a-1', labels: { 'kubernetes.io/service-name': 'a' } } })
      await w.fails(t, 'C', 'clusterIp', 80, 'refused')
    },
  },
  {
    numbers: '22, 24', title: 'an endpoint that several slices list counts once, and a live one beats a dying one',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1'), up('L2')]), slice(w.family, [up('L1'), up('R1')], { name: 'a-2' }))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1', 'L2', 'R1'], 'U')
      const dying = up('L1', { ready: false, serving: false, terminating: true })
      for (const [first, second] of [[dying, up('L1')], [up('L1'), dying]] as const) {
        await w.apply(slice(w.family, [first]), slice(w.family, [second], { name: 'a-2' }))
        await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      }
    },
  },
  {
    numbers: '23', title: 'an endpoint moves from one slice to another without a failed connection',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1')]))
      const probes: Promise<unknown>[] = []
      const probe = (): void => void probes.push(w.tcp('C', 'clusterIp', 80))
      for (const step of [() => w.apply(slice(w.family, [up('L1')], { name: 'a-2' })), () => w.remove('slice', 'a-1'), () => w.apply(slice(w.family, [up('L1')])), () => w.remove('slice', 'a-2')]) {
        probe()
        const stepping = step()
        for (let i = 0; i < 10; i += 1) probe()
        await stepping
      }
      await t.notThrowsAsync(Promise.all(probes))
    },
  },
  {
    numbers: '25', title: 'addresses with leading zeros are read as decimal', families: [4],
    run: async (t, w) => {
      const a = service(4)
      const s = slice(4, [up('L1')])
      await w.apply({ ...a, spec: { ...a.spec, clusterIP: '172.30.0.041', clusterIPs: ['172.30.0.041'] } }, { ...s, endpoints: [{ ...s.endpoints[0]!, addresses: ['10.180.00.001'] }] })
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
    },
  },
  {
    numbers: '26', title: 'a port is added and taken away, and its open connection stays',
    run: async (t, w) => {
      const two = [HTTP, { name: 'alt', port: 8000, protocol: 'TCP' }]
      await w.apply(service(w.family, { ports: two }), slice(w.family, [up('L1')], { ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { name: 'alt', port: 8080, protocol: 'TCP' }] }))
      await w.reaches(t, 'C', 'clusterIp', 8000, ['L1:8080'], 'U')
      await using connection = await w.host('C').openTcp(w.address('clusterIp'), 8000)
      await w.apply(service(w.family))
      await t.throwsAsync(w.tcp('C', 'clusterIp', 8000, 500))
      t.is(await connection.send('still open'), 'still open')
    },
  },
  {
    numbers: '27', title: 'a service that comes back under another address leaves the old one',
    run: async (t, w) => {
      await w.apply(service(w.family), slice(w.family, [up('L1')]))
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
      await w.remove('service', 'a')
      await w.apply(service(w.family, { clusterIp: 'clusterIp2' }))
      await w.isNotCaptured(t, 'C', 'clusterIp', 80)
      await w.reaches(t, 'C', 'clusterIp2', 80, ['L1'], 'U')
    },
  },
]
