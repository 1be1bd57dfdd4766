// Real kubectl, manifests that know nothing of Weft, real packets; traffic follows every change within a second
// (issue 2, point 4).

import test from 'ava'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { ask } from '../../src/cluster/echo/ask.ts'
import { podNetns } from '../../src/cluster/sample/try-sample.ts'
import { eventually } from '../lab/eventually.ts'
import { LineClient } from '../lab/line-client.ts'
import { LocalCluster } from '../lab/local-cluster.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'docs', 'examples')
/** What the issue allows between a change and the traffic that shows it. */
const FOLLOWS_WITHIN_MS = 1_000
const { signal } = new AbortController()

let cluster: LocalCluster
test.before(async () => {
  cluster = await LocalCluster.up()
})
test.after.always(async () => {
  await cluster?.[Symbol.asyncDispose]()
})

const example = (name: string): string => join(EXAMPLES, name)

/** The pods that answer `times` new connections; rejects when one is not answered. */
async function podsBehind(url: string, times = 30, netns?: string): Promise<readonly string[]> {
  const pods = new Set<string>()
  for (let index = 0; index < times; index++) pods.add((await ask(url, { netns, timeoutMs: FOLLOWS_WITHIN_MS, signal })).pod)
  return [...pods].sort()
}

/** Runs a kubectl command and answers how many milliseconds after its end the condition came true. */
async function followed(args: readonly string[], condition: () => Promise<boolean | string>): Promise<number> {
  await cluster.kubectl(args)
  const startMs = performance.now()
  await eventually(async () => {
    const answer = await condition()
    return answer === true ? { yes: true } : answer
  }, { timeoutMs: 10_000, intervalMs: 5 })
  return performance.now() - startMs
}

test.serial('kubectl shows nodes, pods, services and endpoint slices', async t => {
  const output = await cluster.kubectl(['get', 'nodes,pods,svc,endpointslices', '-A', '-o', 'wide'])
  t.log(output)
  t.regex(output, /^node\/host-1 +Ready /m)
  t.regex(output, /^default +pod\/echo-2 +1\/1 +Running +0 +\S+ +10\.244\.\d+\.\d+ +host-2 /m)
  t.regex(output, /^default +service\/echo +NodePort /m)
  t.regex(output, /^default +service\/kubernetes +ClusterIP +10\.96\.0\.1 /m)
  t.regex(output, /^default +endpointslice\.discovery\.k8s\.io\/echo-\S+ +IPv4 /m)
})

test.serial('a manifest of pods, a ClusterIP Service and a NodePort Service carries traffic', async t => {
  await cluster.kubectl(['apply', '-f', example('web.yaml')])
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '-l', 'app=web', '--timeout=60s'])
  for (const host of [1, 2, 3]) {
    await eventually(async () => String(await podsBehind(`http://${cluster.address(host)}:30080/`)) === 'web-1,web-2,web-3', { timeoutMs: 5_000 })
  }
  const clusterIp = await cluster.kubectl(['get', 'svc', 'web', '-o', 'jsonpath={.spec.clusterIP}'])
  const client = await podNetns(cluster.name, { name: 'echo-1', host: '', address: await cluster.kubectl(['get', 'pod', 'echo-1', '-o', 'jsonpath={.status.podIP}']) }, { signal })
  t.deepEqual(await podsBehind(`http://${clusterIp}/`, 30, client), ['web-1', 'web-2', 'web-3'])
  // Applying again what is there changes nothing.
  t.regex(await cluster.kubectl(['apply', '-f', example('web.yaml')]), /pod\/web-1 unchanged\n[^]*service\/web-public unchanged/)
})

test.serial('pods without a host are spread over the hosts', async t => {
  const hosts = (await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}'])).split(' ')
  t.is(new Set(hosts).size, 3, hosts.join())
})

test.serial('get -w tells of a deleted pod, and traffic leaves it within a second while no connection fails', async t => {
  const watch = spawn('kubectl', ['get', 'pods', '-l', 'app=web', '-w', '--output-watch-events', '-o', 'custom-columns=EVENT:.type,NAME:.object.metadata.name'], { env: { ...process.env, KUBECONFIG: cluster.kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => watch.kill())
  let seen = ''
  watch.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text))
  await eventually(() => /ADDED +web-3/.test(seen) || seen)
  const url = `http://${cluster.address(1)}:30080/`
  const failures: string[] = []
  const tookMs = await followed(['delete', 'pod', 'web-2', '--wait=false'], async () => {
    const pods = await podsBehind(url, 12).catch((error: Error) => failures.push(error.message))
    return Array.isArray(pods) && !pods.includes('web-2')
  })
  t.log(`traffic left the pod ${tookMs.toFixed(0)} ms after kubectl returned`)
  t.true(tookMs < FOLLOWS_WITHIN_MS, `${tookMs} ms`)
  t.deepEqual(failures, [])
  await eventually(() => /DELETED +web-2/.test(seen) || seen, { timeoutMs: 40_000 })
})

test.serial('a new pod gets traffic within a second of being ready', async t => {
  const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-4', labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'weft/echo' }] } }
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(manifest))
  const tookMs = await followed(['wait', '--for=condition=Ready', 'pod/web-4', '--timeout=60s'], async () => (await podsBehind(`http://${cluster.address(2)}:30080/`, 8)).includes('web-4'))
  t.log(`traffic reached the pod ${tookMs.toFixed(0)} ms after it was ready`)
  t.true(tookMs < FOLLOWS_WITHIN_MS, `${tookMs} ms`)
})

test.serial('a changed node port, selector and port are followed within a second', async t => {
  const answers = (host: number, port: number) => ask(`http://${cluster.address(host)}:${port}/`, { timeoutMs: 500, signal })
  const moved = await followed(['patch', 'svc', 'web-public', '--type=json', '-p', '[{"op":"replace","path":"/spec/ports/0/nodePort","value":30081}]'], async () => {
    const [there, gone] = await Promise.all([answers(3, 30081).then(() => true, () => false), answers(3, 30080).then(() => false, () => true)])
    return there && gone
  })
  const selected = await followed(['patch', 'svc', 'web-public', '-p', '{"spec":{"selector":{"app":"echo"}}}'], async () => (await podsBehind(`http://${cluster.address(1)}:30081/`, 12)).every(pod => pod.startsWith('echo-')))
  const emptied = await followed(['patch', 'svc', 'web-public', '-p', '{"spec":{"selector":{"app":"nobody"}}}'], () =>
    answers(2, 30081).then(() => false, (error: Error) => /ECONNREFUSED/.test(error.message) || error.message))
  t.log(`node port ${moved.toFixed(0)} ms, selector ${selected.toFixed(0)} ms, no endpoints (refused) ${emptied.toFixed(0)} ms`)
  for (const tookMs of [moved, selected, emptied]) t.true(tookMs < FOLLOWS_WITHIN_MS, `${tookMs} ms`)
})

test.serial('an ordinary program with a readiness probe in a namespace of its own is served', async t => {
  await cluster.kubectl(['apply', '-f', example('files.yaml')])
  await cluster.kubectl(['wait', '-n', 'shop', '--for=condition=Ready', 'pod/files', '--timeout=60s'])
  const port = await cluster.kubectl(['get', 'svc', '-n', 'shop', 'files-outside', '-o', 'jsonpath={.spec.ports[0].nodePort}'])
  await eventually(async () => /Apache-2\.0/.test(await (await fetch(`http://${cluster.address(2)}:${port}/`, { signal: AbortSignal.timeout(1_000) })).text()), { timeoutMs: 5_000 })
  await cluster.kubectl(['delete', '-f', example('files.yaml')])
  t.is(await cluster.kubectl(['get', 'ns', '-o', 'name', '--ignore-not-found', 'shop']), '')
})

test.serial('a Service with a TCP and a UDP port of one number answers both, and keeps a client to one pod', async t => {
  await cluster.kubectl(['apply', '-f', example('lines.yaml')])
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '-l', 'app=lines', '--timeout=60s'])
  const tcp = new Set<string>()
  await eventually(async () => {
    await using client = await LineClient.connect(cluster.address(1), 30900)
    return (await client.ask('hello', 1_000)).startsWith('lines-')
  })
  for (let index = 0; index < 10; index++) {
    await using client = await LineClient.connect(cluster.address(1), 30900)
    tcp.add(await client.ask('hello', 1_000))
  }
  t.is(tcp.size, 1, [...tcp].join())
  // Another host than the one asked so far: its proxy may hear of the pods a moment later.
  const [reply] = await eventually(async () => [await askByUdp(cluster.address(3), 30900)] as const)
  t.regex(reply, /^pod=lines-[ab] host=host-\d client=\S+ protocol=UDP text=hi\n$/)
  await cluster.kubectl(['delete', '-f', example('lines.yaml')])
})

test.serial('a deleted Service refuses or drops new connections within a second, and delete -f leaves nothing', async t => {
  const tookMs = await followed(['delete', 'svc', 'echo'], async () => {
    const port = Number(/80:(\d+)\/TCP/.exec(cluster.output)![1])
    return ask(`http://${cluster.address(1)}:${port}/`, { timeoutMs: 300, signal }).then(() => false, () => true)
  })
  t.true(tookMs < FOLLOWS_WITHIN_MS, `${tookMs} ms`)
  await cluster.kubectl(['delete', 'pod', 'web-4'])
  await cluster.kubectl(['delete', '--ignore-not-found', '-f', example('web.yaml')])
  t.is(await cluster.kubectl(['get', 'pods,svc,endpointslices', '-l', 'app=web', '-o', 'name']), '')
})

test.serial('a bad object is refused with a message that names the field', async t => {
  await t.throwsAsync(cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'bad' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] } })), {
    message: /The Service "bad" is invalid: spec\.ports\[0\]\.nodePort: Invalid value: 80/,
  })
})

async function askByUdp(address: string, port: number): Promise<string> {
  const socket = createSocket('udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    socket.send('hi')
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(1_000) })) as [Buffer]
    return reply.toString()
  } finally {
    socket.close()
  }
}
