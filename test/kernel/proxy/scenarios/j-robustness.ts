// Section J, as far as packets on one node tell it: foreign rules, foreign policies, segments outside the window.

import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { serviceChainsOf } from '../../../../src/proxy/iptables/chain-names.ts'
import { eventually } from '../../../lab/eventually.ts'
import { RawPackets, TCP, tcpSegment } from '../../../lab/raw-packets.ts'
import { HTTP, service, slice, up } from '../objects.ts'
import { IPTABLES, type Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

const program = (w: World): string => `${w.family === 4 ? 'ip' : 'ip6'}tables-${w.backendName === 'iptables-legacy' ? 'legacy' : 'nft'}`
const run = (w: World, ...args: readonly string[]): Promise<{ stdout: string }> => w.host('node-1').exec([program(w), ...args])
const A = serviceChainsOf('ns/a:http', 'TCP').cluster
const B = serviceChainsOf('ns/b:http', 'TCP').cluster

async function twoServices(w: World): Promise<void> {
  await w.apply(
    service(w.family), slice(w.family, [up('L1')]),
    service(w.family, { name: 'b', clusterIp: 'clusterIp2' }), slice(w.family, [up('L2')], { name: 'b-1', service: 'b' }),
  )
}

/** L1, asked by C through the service, sends a segment far beyond the connection's window; `see` learns what C got from L1's own address. */
async function straySegment(w: World, see: (seen: () => readonly string[]) => Promise<void>): Promise<void> {
  using client = new RawPackets(w.host('C').netns, w.family, TCP)
  using server = new RawPackets(w.host('L1').netns, w.family, TCP)
  await using connection = await w.host('C').openTcp(w.address('clusterIp'), 80)
  const { clientPort } = connection.greeting
  // The last segment that L1 got tells what both sides expect next.
  const last = server.received().findLast(segment => segment.readUInt16BE(0) === clientPort && segment.readUInt16BE(2) === 80)!
  client.received()
  server.send(w.address('C'), tcpSegment({
    from: w.address('L1'), fromPort: 80, to: w.address('C'), toPort: clientPort,
    sequence: last.readUInt32BE(8) + 0x3000_0000, acknowledgement: last.readUInt32BE(4), text: 'stray',
  }))
  const strays: string[] = []
  await see(() => {
    strays.push(...client.received().filter(segment => segment.subarray((segment[12]! >> 4) * 4).toString() === 'stray').map(segment => `from port ${segment.readUInt16BE(0)}`))
    return strays
  })
}

export const robustnessScenarios: readonly Scenario[] = [
  {
    numbers: '110', title: 'a stray jump in a live chain of ours does not keep a deleted service alive', backends: IPTABLES,
    run: async (t, w) => {
      await twoServices(w)
      await run(w, '-t', 'nat', '-A', A, '-j', B)
      await w.remove('service', 'b')
      await eventually(async () => !(await run(w, '-t', 'nat', '-S')).stdout.includes(B) || 'the chain is still there')
      await w.reaches(t, 'C', 'clusterIp', 80, ['L1'], 'U')
    },
  },
  {
    numbers: '110', title: 'a stray jump in a foreign chain holds an empty chain and nothing else back', backends: IPTABLES,
    run: async (t, w) => {
      await twoServices(w)
      await run(w, '-t', 'nat', '-N', 'FOREIGN')
      try {
        await run(w, '-t', 'nat', '-A', 'FOREIGN', '-j', B)
        await w.remove('service', 'b')
        await w.isNotCaptured(t, 'C', 'clusterIp2', 80)
        await w.apply(slice(w.family, [up('L2')]))
        await w.reaches(t, 'C', 'clusterIp', 80, ['L2'], 'U')
      } finally {
        await run(w, '-t', 'nat', '-F', 'FOREIGN')
        await run(w, '-t', 'nat', '-X', 'FOREIGN')
      }
    },
  },
  {
    numbers: '109', title: 'a rule that somebody takes out of a service chain is back within a second', backends: IPTABLES,
    run: async (t, w) => {
      await twoServices(w)
      await run(w, '-t', 'nat', '-F', A)
      const start = performance.now()
      await eventually(async () => (await w.tcp('C', 'clusterIp', 80, 300)).server === 'L1')
      t.true(performance.now() - start < 1_500, `${Math.round(performance.now() - start)} ms`)
    },
  },
  {
    numbers: '117', title: 'a FORWARD policy of DROP lets our traffic pass', backends: IPTABLES,
    run: async (t, w) => {
      await w.apply(service(w.family, { type: 'NodePort', ports: [{ ...HTTP, nodePort: 30_001 }] }), slice(w.family, [up('L1'), up('R1')]))
      await run(w, '-P', 'FORWARD', 'DROP')
      try {
        await w.reaches(t, 'E', 'node-1', 30_001, ['L1', 'R1'], 'M')
      } finally {
        await run(w, '-P', 'FORWARD', 'ACCEPT')
      }
    },
  },
  {
    numbers: '114', title: 'above a thousand endpoints their rules carry no comments, and chains of endpoints that left go at once', backends: IPTABLES,
    run: async (t, w) => {
      const [prefix, separator] = w.family === 4 ? ['10.200', '.'] : ['fd00:10:200', ':']
      const many = (count: number): EndpointSlice => {
        const one = slice(w.family, [up('R1')])
        const endpoints = Array.from({ length: count }, (_, i) => ({ ...one.endpoints[0]!, addresses: [`${prefix}${separator}${(i >> 8) + (w.family === 6 ? 10 : 0)}${w.family === 6 ? '::' : '.'}${(i & 255) + 1}`] }))
        return { ...one, endpoints: endpoints.slice(0, count) }
      }
      const chains = async (): Promise<{ commented: number; endpoints: number }> => {
        const { stdout } = await w.host('node-1').exec([`${program(w)}-save`, '-t', 'nat'])
        const rules = stdout.split('\n').filter(line => line.startsWith('-A') && line.includes('-j DNAT'))
        return { commented: rules.filter(line => line.includes('--comment')).length, endpoints: rules.length }
      }
      const sticky = service(w.family, { affinitySeconds: 10 })
      await w.apply(sticky, many(20))
      t.deepEqual(await chains(), { commented: 20, endpoints: 20 })
      await w.apply(many(250))
      const counts = Array.from({ length: 4 }, (_, i) => service(w.family, { name: `more-${i}`, clusterIp: 'clusterIp2', ports: [{ ...HTTP, port: 81 + i }] }))
      await w.apply(...counts, ...counts.map(({ metadata }) => ({ ...many(250), metadata: { ...slice(w.family, []).metadata!, name: `${metadata!.name}-1`, labels: { 'kubernetes.io/service-name': metadata!.name! } } })))
      await w.remove('service', 'a')
      await w.apply(sticky)
      t.deepEqual(await chains(), { commented: 0, endpoints: 1250 })
      await w.apply(many(3))
      t.is((await chains()).endpoints, 1003)
    },
  },
  {
    numbers: '116', title: 'a segment outside a connection does not reach the client untranslated', backends: IPTABLES,
    run: async (t, w) => {
      await twoServices(w)
      t.regex((await run(w, '-S', 'KUBE-FORWARD')).stdout, /--ctstate INVALID .*-j DROP/)
      await straySegment(w, async seen => {
        // A later segment of the connection itself comes behind it, by the same way.
        await new Promise(resolve => setTimeout(resolve, 300))
        t.deepEqual(seen(), [])
      })
    },
  },
  {
    numbers: '116', title: 'a liberal kernel has no rule for invalid packets', backends: IPTABLES, settings: () => ({ tcpLiberal: true }),
    run: async (t, w) => {
      await twoServices(w)
      t.notRegex((await run(w, '-S', 'KUBE-FORWARD')).stdout, /INVALID/)
      // Without our rule the very segment does come through, so the test above is one.
      await straySegment(w, async seen => void (await eventually(() => seen().length > 0 || 'nothing came')))
      t.pass()
    },
  },
  {
    numbers: '45', title: 'a packet to 127.0.0.1 from outside is dropped although node ports answer there', backends: IPTABLES, families: [4],
    run: async (t, w) => {
      await w.apply(service(4, { type: 'NodePort', ports: [{ ...HTTP, nodePort: 30_001 }] }), slice(4, [up('L1')]))
      const listener = await w.host('node-1').echo({ port: 30_009 })
      const outside = w.host('E')
      outside.sysctl({ 'net/ipv4/conf/all/route_localnet': '1' })
      await outside.exec(['ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local'])
      await outside.exec(['ip', 'route', 'del', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local'])
      try {
        await outside.exec(['ip', 'route', 'add', '127.0.0.1/32', 'via', '203.0.113.1', 'dev', 'eth0'])
        await t.throwsAsync(outside.tcp('127.0.0.1', 30_009, { localAddress: w.address('E'), timeoutMs: 700 }), { code: 'ETIMEDOUT' })
        await w.reaches(t, 'node-1', 'loopback', 30_001, ['L1'], 'M')
      } finally {
        await outside.exec(['ip', 'route', 'del', '127.0.0.1/32', 'via', '203.0.113.1', 'dev', 'eth0'], { check: false })
        await outside.exec(['ip', 'route', 'add', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local', 'scope', 'host', 'src', '127.0.0.1'], { check: false })
        await outside.exec(['ip', 'route', 'add', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local', 'scope', 'host', 'src', '127.0.0.1'], { check: false })
        await listener[Symbol.asyncDispose]()
      }
    },
  },
]
