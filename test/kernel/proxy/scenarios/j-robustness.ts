// Section J, as far as packets on one node tell it: foreign rules, foreign policies, segments outside the window.

import { serviceChainsOf } from '../../../../src/proxy/iptables/chain-names.ts'
import { eventually } from '../../../lab/eventually.ts'
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
      t.true(performance.now() - start < 3_000)
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
    numbers: '116', title: 'packets outside a connection are dropped, unless the kernel is told to be liberal', backends: IPTABLES,
    run: async (t, w) => {
      await twoServices(w)
      t.regex((await run(w, '-S', 'KUBE-FORWARD')).stdout, /--ctstate INVALID .*-j DROP/)
    },
  },
  {
    numbers: '116', title: 'a liberal kernel has no rule for invalid packets', backends: IPTABLES, settings: () => ({ tcpLiberal: true }),
    run: async (t, w) => {
      await twoServices(w)
      t.notRegex((await run(w, '-S', 'KUBE-FORWARD')).stdout, /INVALID/)
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
