// Section H: session affinity by client address.

import { HTTP, service, slice, up, type ServiceSpec } from '../objects.ts'
import type { Scenario } from '../scenario.ts'
import type { AddressName, HostName } from '../topology.ts'
import type { World } from '../world.ts'

const NODE_PORT = 30_004
const THREE = [up('L1'), up('L2'), up('R1')]
const sticky = (spec: ServiceSpec = {}): ServiceSpec => ({ type: 'LoadBalancer', ports: [{ ...HTTP, nodePort: NODE_PORT }], vips: ['vip'], affinitySeconds: 10, ...spec })

/** Who answers `times` connections in a row. */
async function answers(w: World, from: HostName, to: AddressName, port: number, times: number): Promise<readonly string[]> {
  const seen = new Set<string>()
  for (let i = 0; i < times; i += 1) seen.add((await w.tcp(from, to, port)).server)
  return [...seen]
}

/** Ports that are nobody's: four pods with 75 each make 300 endpoints. */
const MANY_PORTS = Array.from({ length: 75 }, (_, i) => 9_000 + i)
const MANY_CLIENTS = 60
const clientAddress = (w: World, n: number): string => (w.family === 4 ? `10.180.0.${100 + n}` : `fd00:10::${(0x100 + n).toString(16)}`)

export const affinityScenarios: readonly Scenario[] = [
  {
    numbers: '91, 92', title: 'a client stays with one endpoint, under whichever address it asks',
    run: async (t, w) => {
      await w.apply(service(w.family, sticky()), slice(w.family, THREE))
      // Not from R2: pinned to R1, its neighbour, it would get the answers without the translation back.
      for (const from of ['C', 'E', 'L2'] as const) {
        const [first, ...others] = await answers(w, from, 'clusterIp', 80, 10)
        t.deepEqual(others, [], from)
        t.deepEqual(await answers(w, from, 'node-1', NODE_PORT, 5), [first!])
        t.deepEqual(await answers(w, from, 'vip', 80, 5), [first!])
      }
    },
  },
  {
    numbers: '92', title: 'two ports of a service are pinned independently',
    run: async (t, w) => {
      const ports = [HTTP, { name: 'alt', port: 8000, protocol: 'TCP' }] as const
      const differing = new Set<boolean>()
      for (let i = 0; i < 12 && differing.size < 2; i += 1) {
        await w.remove('service', 'a')
        await w.apply(service(w.family, sticky({ type: 'ClusterIP', vips: [], ports })), slice(w.family, THREE, { ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { name: 'alt', port: 8080, protocol: 'TCP' }] }))
        const [one] = await answers(w, 'C', 'clusterIp', 80, 3)
        const [two] = await answers(w, 'C', 'clusterIp', 8000, 3)
        differing.add(two!.startsWith(one!))
      }
      t.true(differing.has(false))
    },
  },
  {
    numbers: '93', title: 'every connection renews the pin, and silence ends it',
    run: async (t, w) => {
      await w.apply(service(w.family, sticky({ affinitySeconds: 2 })), slice(w.family, THREE))
      const first = (await w.tcp('C', 'clusterIp', 80)).server
      // Longer than the time-out in all, never longer between two connections.
      for (let i = 0; i < 5; i += 1) {
        await new Promise(resolve => setTimeout(resolve, 900))
        t.is((await w.tcp('C', 'clusterIp', 80)).server, first)
      }
      let moved = false
      for (let i = 0; i < 12 && !moved; i += 1) {
        await new Promise(resolve => setTimeout(resolve, 2_200))
        moved = (await w.tcp('C', 'clusterIp', 80)).server !== first
      }
      t.true(moved)
    },
  },
  {
    numbers: '94', title: 'a pinned endpoint that leaves is replaced at once',
    run: async (t, w) => {
      await w.apply(service(w.family, sticky()), slice(w.family, THREE))
      const [first] = await answers(w, 'C', 'clusterIp', 80, 3)
      await w.apply(slice(w.family, THREE.map(endpoint => (endpoint.at === first ? { ...endpoint, ready: false } : endpoint))))
      const [second, ...others] = await answers(w, 'C', 'clusterIp', 80, 10)
      t.deepEqual(others, [])
      t.not(second, first)
    },
  },
  {
    numbers: '95', title: 'affinity is switched on and off live',
    run: async (t, w) => {
      await w.apply(service(w.family, sticky()), slice(w.family, THREE))
      t.is((await answers(w, 'C', 'clusterIp', 80, 10)).length, 1)
      const { affinitySeconds: _, ...plain } = sticky()
      await w.apply(service(w.family, plain))
      t.is((await answers(w, 'C', 'clusterIp', 80, 60)).length, 3)
      await w.apply(service(w.family, sticky()))
      t.is((await answers(w, 'C', 'clusterIp', 80, 10)).length, 1)
    },
  },
  {
    numbers: '96', title: 'under external policy Local outside clients are pinned among local endpoints',
    run: async (t, w) => {
      await w.apply(service(w.family, sticky({ external: 'Local' })), slice(w.family, THREE))
      for (const from of ['E', 'B'] as const) {
        const [server, ...others] = await answers(w, from, 'vip', 80, 8)
        t.deepEqual(others, [])
        t.true(['L1', 'L2'].includes(server!))
      }
    },
  },
  {
    numbers: '97', title: 'among 300 endpoints the first choice is fair and then kept, and an edited time-out counts at once',
    run: async (t, w) => {
      const pods = ['L1', 'L2', 'R1', 'R2'] as const
      const bits = w.family === 4 ? 32 : 128
      await using held = new AsyncDisposableStack()
      for (const pod of pods) for (const port of MANY_PORTS) held.use(await w.host(pod).echo({ port, name: `${pod}:${port}` }))
      const clients = Array.from({ length: MANY_CLIENTS }, (_, n) => clientAddress(w, n))
      const batch = (host: HostName, lines: readonly string[]): Promise<unknown> => w.host(host).exec(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` })
      await batch('C', clients.map(client => `addr add ${client}/${bits} dev eth0${w.family === 6 ? ' nodad' : ''}`))
      held.defer(() => batch('C', clients.map(client => `addr del ${client}/${bits} dev eth0`)).then(() => undefined))
      await batch('node-1', clients.map(client => `route add ${client}/${bits} dev to-c`))
      held.defer(() => batch('node-1', clients.map(client => `route del ${client}/${bits} dev to-c`)).then(() => undefined))
      await w.apply(service(w.family, sticky({ type: 'ClusterIP', vips: [], affinitySeconds: 600 })),
        ...MANY_PORTS.map(port => slice(w.family, pods.map(pod => up(pod)), { name: `a-${port}`, ports: [{ name: 'http', port, protocol: 'TCP' }] })))
      const ask = async (client: string): Promise<string> => (await w.host('C').tcp(w.address('clusterIp'), 80, { localAddress: client, timeoutMs: 2_000 })).server
      const first: string[] = []
      for (const client of clients) first.push(await ask(client))
      // 60 draws of 300 hit 54.5 different ones on average, with a deviation of 2.1.
      t.true(new Set(first).size >= 44, `${new Set(first).size} endpoints for ${MANY_CLIENTS} clients`)
      for (let round = 0; round < 2; round += 1) for (const [i, client] of clients.entries()) t.is(await ask(client), first[i]!, client)
      await w.apply(service(w.family, sticky({ type: 'ClusterIP', vips: [], affinitySeconds: 1 })))
      // New pins under the new time-out; they end with it.
      const pinned = await Promise.all(clients.slice(0, 10).map(ask))
      await new Promise(resolve => setTimeout(resolve, 2_200))
      const later = await Promise.all(clients.slice(0, 10).map(ask))
      t.true(later.filter((server, i) => server !== pinned[i]).length >= 5, 'most of ten clients moved')
    },
  },
]
