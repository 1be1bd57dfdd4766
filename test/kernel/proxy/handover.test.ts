// Changing between a real kube-proxy and Weft's proxy on a live host, both ways, while connections are made.

import { writeFileSync } from 'node:fs'
import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'
import { openLab } from '../../lab/lab.ts'
import { ProxyLab } from '../../lab/proxy.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'
import { findPeer } from '../../peers/cache.ts'

const KUBE_PROXY = findPeer('kube-proxy-1.36.3')
const IP = '10.96.7.7'
const LATE_IP = '10.96.7.8'

const run = KUBE_PROXY === undefined ? test.skip : test

run('kube-proxy hands over to Weft and back: no connection fails, and neither leaves rules of the other behind', async t => {
  t.timeout(120_000)
  await using held = new AsyncDisposableStack()
  const api = held.use(await ApiServerLab.open())
  const lab = held.use(await openLab({ hosts: 1 }))
  const host = lab.host(1)
  host.sysctl({ 'net/ipv4/ip_forward': '1' })
  const [client, one, two] = [await host.addPod({ name: 'client' }), await host.addPod({ name: 'one' }), await host.addPod({ name: 'two' })]
  await host.exec(['ip', 'route', 'add', 'default', 'dev', 'cni0'])
  for (const pod of [one, two]) await pod.echo({ port: 8080 })
  held.use(await TcpBridge.open({ netns: host.netns, port: api.port }))
  let files = 0
  const apply = async (...items: readonly object[]): Promise<void> => {
    const path = api.path(`handover-${(files += 1)}.json`)
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    await api.kubectl('apply', '--validate=false', '-f', path)
  }
  const service = (name: string, clusterIP: string, nodePort: number): readonly object[] => [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { type: 'NodePort', clusterIP, ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort }] } },
    {
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [one, two].map(pod => ({ addresses: [pod.address], conditions: { ready: true }, nodeName: 'host-1' })),
    },
  ]
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } }, ...service('web', IP, 30_080))
  await api.patchStatus('/api/v1/nodes/host-1', { addresses: [{ type: 'InternalIP', address: host.address }] })
  const kubeconfig = await api.kubeconfigFor('proxy', { commonName: 'system:kube-proxy' })
  const common = { host, kubeconfig, nodeName: 'host-1', flags: ['--proxy-mode=iptables', '--cluster-cidr=10.244.0.0/16', '--conntrack-max-per-core=0'] }

  const upstream = held.use(await ProxyLab.open({ ...common, program: [KUBE_PROXY!] }))
  await eventually(async () => (await client.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await using open = await client.openTcp(IP, 80)
  const stop = new AbortController()
  const failures: unknown[] = []
  let connections = 0
  const probing = (async () => {
    while (!stop.signal.aborted) {
      for (const [address, port] of [[IP, 80], [host.address, 30_080]] as const) {
        await client.tcp(address, port, { timeoutMs: 2_000 }).catch((error: unknown) => failures.push(error))
        connections += 1
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })()
  const chains = async (): Promise<readonly string[]> => [...(await host.exec(['iptables-save', '-t', 'nat'])).stdout.matchAll(/^:(KUBE-\S+) /gm)].map(match => match[1]!)

  await upstream.stop('SIGKILL')
  const ours = held.use(await ProxyLab.open(common))
  t.false((await chains()).some(chain => chain.startsWith('KUBE-SEP-')), 'endpoint chains of kube-proxy are gone')
  await apply(...service('late', LATE_IP, 30_081))
  await eventually(async () => (await client.tcp(LATE_IP, 80, { timeoutMs: 500 })).server !== '')
  await ours.stop('SIGKILL')

  upstream.start()
  await upstream.ready(60_000)
  await eventually(async () => {
    const left = (await chains()).filter(chain => /^KUBE-SVC-(?!.{16}$)/.test(chain))
    return left.length === 0 || `chains of Weft are left: ${left.join(' ')}`
  })
  t.is((await client.tcp(LATE_IP, 80)).server === '', false)
  stop.abort()
  await probing
  t.deepEqual(failures, [], `${failures.length} of ${connections} connections failed`)
  t.true(connections > 50)
  t.is(await open.send('still open'), 'still open')

  await upstream.stop('SIGKILL')
  t.is(await ours.once('--cleanup'), 0)
  t.deepEqual((await chains()).filter(chain => chain !== 'KUBE-FIREWALL'), [])
})
