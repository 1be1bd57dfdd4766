// Endpoints change a thousand times per second while clients connect without pause: nobody is refused, nobody is led astray,
// and what is open stays where it is. A few seconds; WEFT_CHURN_SECONDS=60 for the whole minute, which then has to keep pace.

import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { Service } from 'kubernetes-types/core/v1.d.ts'
import { nftablesOpener } from './nftables-opener.ts'
import { service, slice, up } from './objects.ts'
import { Topology, type HostName } from './topology.ts'
import { World } from './world.ts'

const LONG = process.env['WEFT_CHURN_SECONDS']
const SECONDS = Number(LONG ?? 4)
const CHANGES_PER_SECOND = 1_000
/** Changes that arrive together, as they do when a Deployment is rolled out: one batch each for the kernel. */
const TOGETHER = 20
/** What a short run on a busy machine has to reach. */
const LEAST_PER_SECOND = LONG === undefined ? 100 : 0.95 * CHANGES_PER_SECOND

/** Services of two kinds that share no endpoint. */
const KINDS: readonly (readonly (readonly HostName[])[])[] = [
  [['L1'], ['L1', 'L2'], ['L2'], ['L2', 'L1']],
  [['R1', 'R2'], ['R2'], ['R2', 'R1'], ['R1']],
]
const addressOf = (index: number): string => `172.30.1.${index + 1}`
const kindOf = (index: number): (typeof KINDS)[number] => KINDS[index % KINDS.length]!

function serviceAt(index: number): Service {
  const made = service(4, { name: `s${index}` })
  return { ...made, spec: { ...made.spec!, clusterIP: addressOf(index), clusterIPs: [addressOf(index)] } }
}

const sliceAt = (index: number, round: number) =>
  slice(4, kindOf(index)[round % kindOf(index).length]!.map(host => up(host)), { name: `s${index}-1`, service: `s${index}` })

test('a thousand endpoint changes per second refuse and misdirect no connection, and move no open one', async t => {
  t.timeout((SECONDS + 60) * 1000)
  await using topology = await Topology.build()
  for (const name of ['L1', 'L2', 'R1', 'R2'] as const) await topology.host(name).echo({ port: 80 })
  await using world = await World.open({ topology, family: 4, backendName: 'nftables', opener: nftablesOpener })
  const indexes = Array.from({ length: TOGETHER }, (_, index) => index)
  await world.apply(...indexes.map(serviceAt), ...indexes.map(index => sliceAt(index, 0)))
  await using open = await topology.host('C').openTcp(addressOf(0), 80)
  const start = performance.now()
  const elapsedMs = (): number => performance.now() - start
  let changes = 0
  const change = async (): Promise<void> => {
    for (let round = 1; elapsedMs() < SECONDS * 1000; round += 1) {
      await world.apply(...indexes.map(index => sliceAt(index, round)))
      changes += TOGETHER
      // Never ahead of the rate; behind it when the machine is busy.
      const aheadMs = (changes / CHANGES_PER_SECOND) * 1000 - elapsedMs()
      if (aheadMs > 0) await delay(aheadMs)
    }
  }
  let connections = 0
  const connect = async (from: HostName): Promise<void> => {
    for (let index = 0; elapsedMs() < SECONDS * 1000; index = (index + 7) % TOGETHER) {
      const { server } = await world.tcp(from, addressOf(index), 80, 5_000)
      connections += 1
      if (!kindOf(index).flat().includes(server as HostName)) t.fail(`${from} asked ${addressOf(index)} and was answered by ${server}`)
    }
  }
  await Promise.all([change(), connect('C'), connect('E'), connect('node-1'), connect('C')])
  t.is(await open.send('where it was'), 'where it was')
  t.true(connections > 20 * SECONDS, `only ${connections} connections`)
  t.true(changes >= LEAST_PER_SECOND * SECONDS, `only ${changes} changes in ${SECONDS} s`)
  t.log(`${changes} changes and ${connections} connections in ${SECONDS} s`)
})
