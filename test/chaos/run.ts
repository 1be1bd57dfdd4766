// One run: a cluster, its clients, the schedule of a seed, and the verdict.

import { cpSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterName } from '../../src/cluster/cluster-name.ts'
import { clusterPaths } from '../../src/cluster/cluster-paths.ts'
import { COMPONENTS } from '../../src/cluster/supervisor/daemon.ts'
import { eventually } from '../lab/eventually.ts'
import { LocalCluster } from '../lab/local-cluster.ts'
import { findPeer } from '../peers/cache.ts'
import { inject } from './inject/inject.ts'
import type { Happened } from './judge/attempt.ts'
import { judge, type Judgement } from './judge/judge.ts'
import { describeFault } from './plan/fault.ts'
import { Random } from './plan/random.ts'
import { planSchedule, type Scheduled } from './plan/schedule.ts'
import { Traffic } from './traffic/traffic.ts'
import { Stage } from './world/stage.ts'
import { World } from './world/world.ts'

export type RunOptions = Readonly<{
  name: ClusterName
  seed: number
  forMs: number
  hosts: number
  /** Undefined: the seed decides. */
  proxyMode: string | undefined
  backend: string | undefined
  store: string | undefined
  say: (line: string) => void
}>

export type Outcome = Readonly<{ judgement: Judgement; happened: readonly Happened[]; /** What was wrong besides connections. */ problems: readonly string[] }>

/** Traffic before the first fault: what fails then, fails without one. */
const CALM_MS = 3_000
/** After the last fault everything must have found itself again within this. */
const SETTLE_MS = 30_000
/** How long clients go on after that. */
const EPILOGUE_MS = 4_000

export async function run(options: RunOptions): Promise<Outcome> {
  const random = new Random(options.seed)
  const [proxyMode, backend, store] = [random.pick(['iptables', 'nftables']), random.pick(['vxlan', 'vxlan', 'host-gw']), random.pick(['lmdb', 'etcd'])]
  const chosen = { proxyMode: options.proxyMode ?? proxyMode, backend: options.backend ?? backend, store: options.store ?? (findPeer('etcd-3.5') === undefined ? 'lmdb' : store) }
  using stage = Stage.open({ etcd: chosen.store === 'etcd' ? findPeer('etcd-3.5') : undefined })
  process.env['PATH'] = `${stage.programs}:${process.env['PATH']}`
  options.say(`seed ${options.seed}: ${options.hosts} hosts, proxies ${chosen.proxyMode}, backend ${chosen.backend}, store ${chosen.store}`)
  await using cluster = await LocalCluster.up(['--nodes', String(options.hosts), '--proxy-mode', chosen.proxyMode, '--backend', chosen.backend], options.name)
  const outcome = await examine()
  if (outcome === undefined || outcome.problems.length > 0 || outcome.judgement.violations.length > 0) options.say(`the daemons' logs are kept in ${keepLogs(cluster.name)}`)
  if (outcome === undefined) throw new Error('the run did not come to its end')
  return outcome

  async function examine(): Promise<Outcome | undefined> {
    try {
      const world = await World.look(cluster, stage, { etcd: chosen.store === 'etcd' })
      return await play(world, planSchedule(random, world.target, options.forMs), options)
    } catch (error) {
      options.say((error as Error).stack ?? String(error))
      return undefined
    }
  }
}

/** The cluster's folder goes with its mount; the logs must outlive it. */
function keepLogs(name: ClusterName): string {
  const kept = mkdtempSync(join(tmpdir(), 'weft-chaos-logs-'))
  const { hosts, log } = clusterPaths(name)
  for (const host of readdirSync(hosts)) cpSync(join(hosts, host, 'logs'), join(kept, host), { recursive: true })
  cpSync(log, join(kept, 'up.log'))
  return kept
}

async function play(world: World, schedule: readonly Scheduled[], { say, forMs }: RunOptions): Promise<Outcome> {
  const { hosts } = world.target
  const before = await Promise.all(hosts.map(host => world.kernelState(host)))
  const objects = await namesOf(world)
  const beginMs = performance.now()
  const now = (): number => performance.now() - beginMs
  const happened: Happened[] = []
  const problems: string[] = []
  await using traffic = new Traffic(world.lines(), now)
  await delay(CALM_MS)
  await Promise.all([
    delay(forMs),
    ...schedule.map(async ({ atMs, fault }) => {
      await delay(atMs)
      const fromMs = now()
      const at = `${(fromMs / 1000).toFixed(1).padStart(6)} s`
      say(`${at}  ${describeFault(fault)}`)
      try {
        const hit = await inject(world, fault)
        if (hit !== true) say(`${at}  … hit nothing: ${hit}`)
      } catch (error) {
        problems.push(`${describeFault(fault)}: ${(error as Error).message}${(error as Error).cause instanceof Error ? `; ${((error as Error).cause as Error).message}` : ''}`)
      }
      happened.push({ fault, fromMs, untilMs: now() })
    }),
  ])
  say(`${(now() / 1000).toFixed(1).padStart(6)} s  all faults are over`)
  for (const [index, host] of hosts.entries()) await found(`the kernel of ${host}`, async () => difference(before[index]!, await world.kernelState(host)))
  await found('the objects', async () => difference(objects, await namesOf(world)))
  for (const [index, host] of hosts.entries()) {
    for (const component of COMPONENTS.filter(each => index === 0 || (each !== 'apiserver' && each !== 'controller-manager'))) {
      await found(`${component} of ${host}`, async () => ((await world.daemonPid(host, component)) === undefined ? 'does not run' : ''))
    }
  }
  say(`${(now() / 1000).toFixed(1).padStart(6)} s  looked at everything`)
  await delay(EPILOGUE_MS)
  await traffic[Symbol.asyncDispose]()
  for (const stall of traffic.stalls) say(`this process stood still from ${(stall.fromMs / 1000).toFixed(1)} to ${(stall.untilMs / 1000).toFixed(1)} s`)
  return { judgement: judge(traffic.attempts, happened, traffic.stalls), happened, problems }

  /** Notes what is still not as it should be after the time to settle. */
  async function found(what: string, look: () => Promise<string>): Promise<void> {
    await eventually(async () => (await look()) || { right: true }, { timeoutMs: SETTLE_MS, intervalMs: 250 }).catch((error: Error) => {
      problems.push(`${what}: ${error.message}`)
      say(`PROBLEM ${what}: ${error.message}`)
    })
  }
}

const namesOf = async (world: World): Promise<readonly string[]> =>
  (await world.cluster.kubectl(['get', 'nodes,pods,svc', '-A', '-o', 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'])).trim().split('\n').sort()

/** What is missing and what is new, one per line; empty when nothing is. */
function difference(before: readonly string[], after: readonly string[]): string {
  const [gone, come] = [before.filter(line => !after.includes(line)), after.filter(line => !before.includes(line))]
  return [...gone.map(line => `- ${line}`), ...come.map(line => `+ ${line}`)].slice(0, 12).join('\n')
}
