import test from 'ava'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { formatAddress } from '../../../src/net/ip/address.ts'
import { formatPrefix } from '../../../src/net/ip/prefix.ts'
import { createNetns } from '../../../src/net/netns/named-netns.ts'
import { CLUSTER_VARIABLE, hostNamespace, netnsPath, parseClusterName, uplinkName } from '../../../src/cluster/cluster-name.ts'
import { parseClusterOptions } from '../../../src/cluster/cluster-options.ts'
import { clusterPaths } from '../../../src/cluster/cluster-paths.ts'
import { planCluster, type ClusterPlan } from '../../../src/cluster/cluster-plan.ts'
import { takeInventory } from '../../../src/cluster/inventory/inventory.ts'
import { lock } from '../../../src/cluster/machine-lock.ts'
import { planPrefixes } from '../../../src/cluster/prefix-plan.ts'
import { tearDown } from '../../../src/cluster/teardown.ts'
import { makeUnderlay } from '../../../src/cluster/underlay/make-underlay.ts'
import { listTakenPrefixes } from '../../../src/cluster/underlay/taken-prefixes.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const { signal } = new AbortController()

/** A planned and made underlay of a name that nobody else has; torn down at the end, whatever the test did. */
async function openUnderlay(t: { teardown: (fn: () => Promise<unknown>) => void }, hostCount: number): Promise<ClusterPlan> {
  const name = parseClusterName(`t${randomInt(36 ** 6).toString(36)}`, 'name')
  t.teardown(() => tearDown(name))
  await using _turn = await lock('prefixes', { signal })
  const options = parseClusterOptions({ name, nodes: String(hostCount), backend: 'vxlan', proxyMode: 'iptables' })
  const plan = planCluster(options, planPrefixes(options, await listTakenPrefixes({ signal })))
  await makeUnderlay(plan, { signal })
  return plan
}

/** An echo server in a host's namespace; answers its process. */
async function startEcho(plan: ClusterPlan, index: number) {
  const host = plan.hosts[index]!
  const child = spawn('nsenter', [`--net=${host.netns}`, process.execPath, MAIN, 'echo', '--pod', 'p', '--host', host.name], {
    stdio: ['ignore', 'pipe', 'inherit'], detached: true, env: { PATH: process.env['PATH'], [CLUSTER_VARIABLE]: plan.name },
  })
  await once(child.stdout, 'data')
  return child
}

const curl = (netns: string | undefined, url: string): string => {
  const [program, ...args] = [...(netns === undefined ? [] : ['nsenter', `--net=${netns}`]), 'curl', '--silent', '--max-time', '5', url]
  return execFileSync(program!, args, { encoding: 'utf8' })
}

test('the machine and every host reach every host', async t => {
  const plan = await openUnderlay(t, 3)
  await startEcho(plan, 2)
  const url = `http://${formatAddress(plan.hosts[2]!.address)}:8080/`
  t.regex(curl(undefined, url), new RegExp(`host=host-3 client=${formatAddress(plan.underlay.uplinkAddress)}:`))
  t.regex(curl(plan.hosts[0].netns, url), new RegExp(`host=host-3 client=${formatAddress(plan.hosts[0].address)}:`))
})

test('a host that asks for the world is told at once that there is no way', async t => {
  const plan = await openUnderlay(t, 1)
  // 192.0.2.0/24 is for documentation (RFC 5737); the packet does not leave the underlay's namespace.
  const started = performance.now()
  t.throws(() => curl(plan.hosts[0].netns, 'http://192.0.2.1/'), { message: /Command failed/ })
  t.true(performance.now() - started < 2_000)
})

test('two clusters made at the same moment get different prefixes', async t => {
  const [a, b] = await Promise.all([openUnderlay(t, 1), openUnderlay(t, 1)])
  t.not(formatPrefix(a.underlay.prefix), formatPrefix(b.underlay.prefix))
})

test('tear-down ends processes and removes namespaces, link, mounts and files, and leaves another cluster alone', async t => {
  const [plan, other] = await Promise.all([openUnderlay(t, 2), openUnderlay(t, 1)])
  const echo = await startEcho(plan, 0)
  const otherEcho = await startEcho(other, 0)
  const { folder } = clusterPaths(plan.name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'file'), '')
  // A pod's namespace, as the node part keeps it, with a process that left the cluster's environment.
  const podNetns = join(folder, 'pods', 'p', 'netns')
  createNetns(podNetns)
  const pod = spawn('nsenter', [`--net=${podNetns}`, 'sleep', '1000'], { stdio: 'ignore', env: {} })
  const ended = Promise.all([once(echo, 'exit'), once(pod, 'exit')])
  while ((await takeInventory(plan.name)).processes.length < 2);

  await tearDown(plan.name)

  await ended
  t.false(existsSync(folder))
  t.false(existsSync(netnsPath(hostNamespace(plan.name, 'host-1'))))
  t.notRegex(execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }), new RegExp(`${uplinkName(plan.name)}[@:]`))
  t.deepEqual(await takeInventory(plan.name), { namespaces: [], mounts: [], processes: [] })
  t.is(otherEcho.exitCode, null)
  t.regex(curl(undefined, `http://${formatAddress(other.hosts[0].address)}:8080/`), /host=host-1/)
})

test('tearing down what is not there succeeds', async t => {
  await t.notThrowsAsync(tearDown(parseClusterName(`t${randomInt(36 ** 6).toString(36)}`, 'name')))
})

test('a process whose parent made a second one while dying is found as well', async t => {
  const plan = await openUnderlay(t, 1)
  const script = 'trap "" TERM; while :; do sleep 1000 & wait; done'
  const shell = spawn('nsenter', [`--net=${plan.hosts[0].netns}`, 'sh', '-c', script], { stdio: 'ignore', detached: true })
  const ended = once(shell, 'exit')
  while ((await takeInventory(plan.name)).processes.length < 2);
  await tearDown(plan.name)
  await ended
  t.deepEqual((await takeInventory(plan.name)).processes, [])
})
