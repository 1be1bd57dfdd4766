// Daemons are killed under traffic: established connections go on, the daemon returns, nothing is interrupted when it does,
// nothing is lost and nothing leaks (issue 2, point 6).

import test from 'ava'
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { ask } from '../../src/cluster/echo/ask.ts'
import { takeInventory } from '../../src/cluster/inventory/inventory.ts'
import { podNetns } from '../../src/cluster/sample/try-sample.ts'
import type { Component } from '../../src/cluster/supervisor/daemon.ts'
import { eventually } from '../lab/eventually.ts'
import { Chatter, LineClient } from '../lab/line-client.ts'
import { LocalCluster } from '../lab/local-cluster.ts'

/** A line between processes of one machine takes a millisecond; a retransmission after loss takes 200. */
const ANSWERED_WITHIN_MS = 2_000
const { signal } = new AbortController()

let cluster: LocalCluster
let ports: { http: number; line: number; clusterIp: string }
test.before(async () => {
  cluster = await LocalCluster.up(['--nodes', '2'])
  const [http, line, clusterIp] = (await cluster.kubectl(['get', 'svc', 'echo', '-o', 'jsonpath={.spec.ports[0].nodePort} {.spec.ports[1].nodePort} {.spec.clusterIP}'])).split(' ')
  ports = { http: Number(http), line: Number(line), clusterIp: clusterIp! }
})
test.after.always(async () => {
  await cluster?.[Symbol.asyncDispose]()
})

/** Everything in a host's kernel that a restarted daemon could duplicate or lose. */
function kernelState(host: number): Readonly<Record<string, readonly string[]>> {
  const show = (...command: string[]): readonly string[] =>
    execFileSync('nsenter', [`--net=${cluster.netns(host)}`, ...command], { encoding: 'utf8' }).split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => line.replace(/\[\d+:\d+\]|(packets|bytes) \d+/g, '').trim()).sort()
  return { links: show('ip', '-br', 'link'), addresses: show('ip', '-br', '-4', 'address'), routes: show('ip', 'route'), neighbours: show('ip', 'neigh', 'show', 'nud', 'permanent'), rules: show('iptables-save') }
}

async function podProcesses(): Promise<number> {
  const { processes } = await takeInventory(cluster.name)
  return processes.filter(({ command }) => command.includes('echo')).length
}

/** Three connections in use: from outside through either host's node port, and from a pod through the cluster IP. */
async function openTraffic(stack: AsyncDisposableStack): Promise<readonly Chatter[]> {
  const pod = await cluster.kubectl(['get', 'pod', 'echo-1', '-o', 'jsonpath={.status.podIP}'])
  const netns = await podNetns(cluster.name, { name: 'echo-1', host: 'host-1', address: pod }, { signal })
  const clients = [
    await LineClient.connect(cluster.address(1), ports.line),
    await LineClient.connect(cluster.address(2), ports.line),
    await LineClient.connect(ports.clusterIp, 9000, netns),
    await LineClient.connect(ports.clusterIp, 9000, netns),
  ]
  return clients.map(client => {
    stack.use(client)
    return stack.use(new Chatter(client, { timeoutMs: ANSWERED_WITHIN_MS, pauseMs: 20 }))
  })
}

/** New connections through both hosts, until stopped; rejects when one is not answered. */
function knockWithoutPause(): { end: () => Promise<number> } {
  const stop = new AbortController()
  const over = (async () => {
    let count = 0
    for (; !stop.signal.aborted; count++) {
      await ask(`http://${cluster.address(1 + (count % 2))}:${ports.http}/`, { timeoutMs: ANSWERED_WITHIN_MS, signal })
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return count
  })()
  over.catch(() => undefined)
  return {
    end: () => {
      stop.abort()
      return over
    },
  }
}

const KILLED: readonly (readonly [number, Component])[] = [[1, 'proxy'], [2, 'agent'], [2, 'node'], [1, 'controller-manager'], [1, 'apiserver'], [2, 'proxy'], [1, 'agent']]

for (const [host, component] of KILLED) {
  test.serial(`kill -9 of ${component} on host-${host}: connections go on, new ones are answered, nothing leaks`, async t => {
    const before = [kernelState(1), kernelState(2)]
    const objects = await cluster.kubectl(['get', 'nodes,pods,svc', '-A', '-o', 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\\n"}{end}'])
    const pods = await podProcesses()
    await using stack = new AsyncDisposableStack()
    const chatters = await openTraffic(stack)
    const knocking = knockWithoutPause()
    const old = (await cluster.daemonPid(host, component))!
    process.kill(old, 'SIGKILL')
    await eventually(async () => {
      const pid = await cluster.daemonPid(host, component)
      return pid === undefined || pid === old ? `pid ${pid}` : { pid }
    })
    // Whatever the returned daemon does at its start happens while lines and new connections go on.
    await eventually(async () => ((await cluster.kubectl(['get', '--raw', '/readyz'])) === 'ok' ? { yes: true } : 'not ready'), { timeoutMs: 20_000, intervalMs: 100 })
    await new Promise(resolve => setTimeout(resolve, 3_000))
    t.true((await knocking.end()) > 50)
    for (const chatter of chatters) {
      await chatter.end()
      t.true(chatter.count > 50)
    }
    t.log(`longest wait for a line: ${Math.max(...chatters.map(chatter => chatter.longestMs)).toFixed(0)} ms`)
    t.deepEqual([kernelState(1), kernelState(2)], before)
    t.is(await cluster.kubectl(['get', 'nodes,pods,svc', '-A', '-o', 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\\n"}{end}']), objects)
    t.is(await podProcesses(), pods)
  })
}

test.serial('a killed container is started again, its restart is counted, and the Service finds its way back', async t => {
  const address = await cluster.kubectl(['get', 'pod', 'echo-2', '-o', 'jsonpath={.status.podIP}'])
  const inode = statSync(await podNetns(cluster.name, { name: 'echo-2', host: 'host-2', address }, { signal })).ino
  const { processes } = await takeInventory(cluster.name)
  const server = processes.find(one => one.netnsInode === inode && one.command.at(-1) === 'echo')!
  process.kill(server.pid, 'SIGKILL')
  await eventually(async () => {
    const status = await cluster.kubectl(['get', 'pod', 'echo-2', '-o', 'jsonpath={.status.podIP} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'])
    return status === `${address} 1 true` ? { yes: true } : status
  }, { timeoutMs: 20_000, intervalMs: 100 })
  await eventually(async () => {
    const pods = new Set<string>()
    for (let index = 0; index < 12; index++) pods.add((await ask(`http://${cluster.address(1)}:${ports.http}/`, { timeoutMs: 1_000, signal })).pod)
    return pods.size === 2 ? { yes: true } : [...pods].join()
  })
  t.pass()
})

test.serial('after all these deaths a change is followed by every host', async t => {
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'late', labels: { app: 'echo' } }, spec: { nodeName: 'host-2', containers: [{ name: 'echo', image: 'weft/echo', ports: [{ name: 'http', containerPort: 8080 }] }] } }))
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/late', '--timeout=60s'])
  for (const host of [1, 2]) {
    await eventually(async () => {
      const pods = new Set<string>()
      for (let index = 0; index < 12; index++) pods.add((await ask(`http://${cluster.address(host)}:${ports.http}/`, { timeoutMs: 1_000, signal })).pod)
      return pods.has('late') ? { yes: true } : [...pods].join()
    }, { timeoutMs: 5_000 })
  }
  await cluster.kubectl(['delete', 'pod', 'late', '--grace-period=0', '--force'])
  t.is(await cluster.kubectl(['get', 'pod', 'late', '--ignore-not-found', '-o', 'name']), '')
})
