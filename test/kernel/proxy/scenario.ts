// A scenario of the catalogue, and how a list of them becomes tests of one backend and family.

import anyTest, { type ExecutionContext } from 'ava'
import { Topology, type Family } from './topology.ts'
import { World, type BackendName, type BackendOpener, type Settings } from './world.ts'

export type Scenario = Readonly<{
  /** Numbers of the catalogue. */
  numbers: string
  title: string
  settings?: (family: Family) => Settings
  /** Absent: all. */
  backends?: readonly BackendName[]
  families?: readonly Family[]
  run: (t: ExecutionContext, world: World) => Promise<void>
}>

export const IPTABLES: readonly BackendName[] = ['iptables-nft', 'iptables-legacy']

/** Registers all scenarios that concern this backend and family, on one fixture. */
export function testScenarios(scenarios: readonly Scenario[], options: Readonly<{ backend: BackendName; family: Family; opener: BackendOpener }>): void {
  const { backend, family, opener } = options
  let topology: Topology
  anyTest.serial.before(async () => {
    topology = await Topology.build()
    for (const name of ['L1', 'L2', 'R1', 'R2'] as const) {
      for (const port of [80, 8080, 8443, 5353]) await topology.host(name).echo({ port, name: port === 80 ? name : `${name}:${port}` })
      for (const port of [53, 5353]) await topology.host(name).echo({ port, protocol: 'udp', family, name: port === 53 ? name : `${name}:${port}` })
    }
  })
  anyTest.serial.after.always(async () => topology?.[Symbol.asyncDispose]())
  for (const { numbers, title, settings, backends, families, run } of scenarios) {
    if (backends?.includes(backend) === false || families?.includes(family) === false) continue
    anyTest.serial(`[${backend} IPv${family}] ${title} (scenario ${numbers})`, async t => {
      t.timeout(60_000)
      await using world = await World.open({ topology, family, backendName: backend, opener, ...(settings === undefined ? {} : { settings: settings(family) }) })
      await run(t, world)
    })
  }
}
