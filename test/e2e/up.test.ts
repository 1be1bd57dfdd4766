// ./weft up, status and down as a person uses them (issue 2, points 1 and 2).

import test from 'ava'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { uplinkName, type ClusterName } from '../../src/cluster/cluster-name.ts'
import { clusterPaths } from '../../src/cluster/cluster-paths.ts'
import { ask } from '../../src/cluster/echo/ask.ts'
import { takeInventory } from '../../src/cluster/inventory/inventory.ts'
import { findSupervisor } from '../../src/cluster/up/claim-cluster.ts'
import { eventually } from '../lab/eventually.ts'
import { LocalCluster, freshClusterName, weft } from '../lab/local-cluster.ts'

const WEFT = join(import.meta.dirname, '..', '..', 'weft')
const { signal } = new AbortController()

/** What of a cluster is left on this machine, by everything that could be left. */
async function traces(name: ClusterName): Promise<unknown> {
  return {
    inventory: await takeInventory(name),
    folder: existsSync(clusterPaths(name).folder),
    link: execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n').filter(line => line.includes(` ${uplinkName(name)}@`)),
    routes: execFileSync('ip', ['route'], { encoding: 'utf8' }).split('\n').filter(line => line.includes(` ${uplinkName(name)} `)),
    sockets: existsSync('/run/weft') ? readdirSync('/run/weft', { recursive: true }).filter(entry => String(entry).includes(name)) : [],
  }
}

const NOTHING = { inventory: { namespaces: [], mounts: [], processes: [] }, folder: false, link: [], routes: [], sockets: [] }

test.serial('three hosts come up; the table and the answers are what really is', async t => {
  const rulesBefore = execFileSync('iptables-save', { encoding: 'utf8' }).replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '')
  const name = freshClusterName()
  {
    await using cluster = await LocalCluster.up([], name)
    t.log(cluster.output)
    t.regex(cluster.output, /✓ pod to pod: echo-1 asked 10\.\d+\.\d+\.\d+, echo-2 on host-2 answered/)
    t.regex(cluster.output, /✓ pod to cluster IP: echo-1 asked [\d.:]+, answers from echo-\d, echo-\d/)
    for (const host of ['host-1', 'host-2', 'host-3']) {
      t.regex(cluster.output, new RegExp(`✓ outside to node port \\d+ of ${host}: answers from echo-\\d, echo-\\d`))
      t.regex(cluster.output, new RegExp(`^${host} +172\\.[\\d.]+ +10\\.244\\.\\d+\\.0/24 +yes +running$`, 'm'))
    }
    t.true(cluster.output.includes(`export KUBECONFIG=${cluster.kubeconfig}\n`))
    const nodePort = /default\/echo +NodePort +[\d.]+ +80:(\d+)\/TCP/.exec(cluster.output)?.[1]
    const pods = new Set<string>()
    for (let index = 0; index < 30; index++) pods.add((await ask(`http://${cluster.address(3)}:${nodePort}/`, { timeoutMs: 2_000, signal })).pod)
    t.deepEqual([...pods].sort(), ['echo-1', 'echo-2', 'echo-3'])

    const status = await weft(['status', '--name', name])
    t.is(status.code, 0, status.stdout + status.stderr)
    for (const daemon of ['apiserver', 'controller-manager', 'agent', 'proxy', 'node']) t.regex(status.stdout, new RegExp(`^${daemon} +host-1 +\\d+ +\\d+ MB$`, 'm'))
    await eventually(async () => {
      const { stdout } = await weft(['status', '--name', name])
      return /^host-1 +- +[\d.]+ ms MTU \d+ +[\d.]+ ms MTU \d+$/m.test(stdout) || stdout
    })

    const again = await weft(['up', '--name', name])
    t.is(again.code, 1)
    t.regex(again.stderr, new RegExp(`cluster "${name}" is up already`))
  }
  t.deepEqual(await traces(name), NOTHING)
  t.is(execFileSync('iptables-save', { encoding: 'utf8' }).replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, ''), rulesBefore)
  const after = await weft(['status', '--name', name])
  t.is(after.code, 1)
  t.regex(after.stderr, new RegExp(`there is no cluster "${name}"`))
})

test.serial('Ctrl-C ends a cluster in the foreground and removes it', async t => {
  const name = freshClusterName()
  t.teardown(() => weft(['down', '--name', name]))
  const up = spawn(WEFT, ['up', '--nodes', '1', '--backend', 'host-gw', '--name', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  up.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(up, 'exit')
  await eventually(() => /Up in [\d.]+ s/.test(output) || output, { timeoutMs: 90_000 })
  up.kill('SIGINT')
  t.deepEqual(await ended, [0, null])
  t.regex(output, /nothing of it is left/)
  t.deepEqual(await traces(name), NOTHING)
})

test.serial('Ctrl-C in the middle of the start removes what was made so far', async t => {
  const name = freshClusterName()
  t.teardown(() => weft(['down', '--name', name]))
  const up = spawn(WEFT, ['up', '--nodes', '2', '--name', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  up.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(up, 'exit')
  await eventually(() => /API server on/.test(output) || output, { timeoutMs: 60_000 })
  up.kill('SIGINT')
  t.deepEqual(await ended, [130, null])
  t.deepEqual(await traces(name), NOTHING)
})

test.serial('a reader that goes away ends the cluster in order', async t => {
  const name = freshClusterName()
  t.teardown(() => weft(['down', '--name', name]))
  const up = spawn(WEFT, ['up', '--nodes', '1', '--name', name], { stdio: ['ignore', 'pipe', 'pipe'] })
  let problems = ''
  up.stderr.setEncoding('utf8').on('data', (text: string) => (problems += text))
  const ended = once(up, 'exit')
  await once(up.stdout, 'data')
  up.stdout.destroy()
  t.deepEqual(await ended, [130, null], problems)
  t.is(problems, '')
  t.deepEqual(await traces(name), NOTHING)
})

test.serial('weft down removes everything after a kill -9 of weft up, and so does the next weft up', async t => {
  const name = freshClusterName()
  {
    await using cluster = await LocalCluster.up(['--nodes', '2'], name)
    process.kill((await findSupervisor(name))!, 'SIGKILL')
    await eventually(async () => (await findSupervisor(name)) === undefined)
    const status = await weft(['status', '--name', name])
    t.is(status.code, 1)
    t.regex(status.stdout, /nobody watches over its daemons/)
    t.truthy(await cluster.daemonPid(2, 'agent'))
    await using next = await LocalCluster.up(['--nodes', '1'], name)
    t.regex(next.output, /remains of an earlier cluster \w+ removed/)
    process.kill((await findSupervisor(name))!, 'SIGKILL')
  }
  t.deepEqual(await traces(name), NOTHING)
})

test.serial('whenever in its start weft up is killed, weft down removes what was made by then', async t => {
  for (const step of [/^weft up/m, /joined on/, /certificates/, /API server/, /controllers/, /agents/, /sample pods/]) {
    const name = freshClusterName()
    const up = spawn(WEFT, ['up', '--nodes', '2', '--name', name], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    t.teardown(() => weft(['down', '--name', name]))
    let output = ''
    up.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    const ended = once(up, 'exit')
    // The daemons live in sessions of their own: only weft up itself is hit.
    await eventually(() => step.test(output) || output, { timeoutMs: 60_000, intervalMs: 1 })
    up.kill('SIGKILL')
    await ended
    const down = await weft(['down', '--name', name])
    t.is(down.code, 0, down.stderr)
    t.deepEqual(await traces(name), NOTHING, String(step))
  }
})

test.serial('two clusters run side by side and do not see each other', async t => {
  await using a = await LocalCluster.up(['--nodes', '1'])
  await using b = await LocalCluster.up(['--nodes', '2', '--backend', 'host-gw', '--proxy-mode', 'nftables', '--pod-cidr', '10.50.0.0/16'])
  t.regex(b.output, /proxies: nftables/)
  await a.kubectl(['delete', 'pod', 'echo-1', '--wait=false'])
  t.regex(await b.kubectl(['get', 'pods', '-o', 'name']), /pod\/echo-1\n/)
  t.regex(await b.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}']), /^10\.50\.\d+\.\d+ 10\.50\.\d+\.\d+$/)
  t.is((await weft(['down', '--name', a.name])).code, 0)
  t.is((await weft(['status', '--name', b.name])).code, 0)
})

test.serial('what cannot be is refused before anything is made, naming the flag', async t => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['--name', 'much-too-long'], /--name: "much-too-long": has 13 characters; at most 10 fit/],
    [['--pod-cidr', '10.96.0.0/12', '--service-cidr', '10.96.0.0/16'], /--service-cidr: .* overlaps --pod-cidr/],
    [['--nodes', 'many'], /--nodes: "many"/],
    [['--backend', 'pigeon'], /vxlan, host-gw/],
  ]
  for (const [flags, message] of refused) {
    const { code, stdout, stderr } = await weft(['up', ...flags])
    t.not(code, 0)
    t.is(stdout, '')
    t.regex(stderr, message)
  }
})
