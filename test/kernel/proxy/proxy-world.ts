// Two hosts, the first with a `weft proxy` process that follows a real API server, and pods that answer with their names.

import { writeFileSync } from 'node:fs'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { openLab, type Lab, type Pod } from '../../lab/lab.ts'
import { ProxyLab } from '../../lab/proxy.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'

export type ProxyWorld = AsyncDisposable & Readonly<{ lab: Lab; api: ApiServerLab; bridge: TcpBridge; pods: readonly Pod[]; proxy: ProxyLab; apply: (...objects: readonly object[]) => Promise<void> }>

export async function openProxyWorld(flags: readonly string[] = [], options: Readonly<{ variant?: 'nft' | 'legacy' }> = {}): Promise<ProxyWorld> {
  await using held = new AsyncDisposableStack()
  const api = held.use(await ApiServerLab.open())
  const lab = held.use(await openLab({ hosts: 2, podRoutes: true }))
  for (const host of lab.hosts) host.sysctl({ 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' })
  const [one, two] = lab.hosts
  // Without a route to the cluster IP a packet ends before it meets any rule.
  await one!.exec(['ip', 'route', 'add', 'default', 'via', two!.address])
  const pods = [await one!.addPod({ name: 'a' }), await one!.addPod({ name: 'b' }), await two!.addPod({ name: 'c' })]
  for (const pod of pods) await pod.echo({ port: 8080 })
  for (const pod of pods) await pod.echo({ port: 5353, protocol: 'udp' })
  const bridge = held.use(await TcpBridge.open({ netns: one!.netns, port: api.port }))
  let files = 0
  const apply = async (...objects: readonly object[]): Promise<void> => {
    const path = api.path(`objects-${(files += 1)}.json`)
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    await api.kubectl('apply', '--validate=false', '-f', path)
  }
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } })
  await api.patchStatus('/api/v1/nodes/host-1', { addresses: [{ type: 'InternalIP', address: one!.address }] })
  const kubeconfig = await api.kubeconfigFor('proxy', { commonName: 'system:kube-proxy' })
  const proxy = held.use(await ProxyLab.open({ host: one!, kubeconfig, nodeName: 'host-1', flags: ['--cluster-cidr=10.244.0.0/16', '-v=4', ...flags], ...options }))
  const all = held.move()
  return { lab, api, bridge, pods, proxy, apply, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

export const service = (name: string, clusterIP: string, spec: object = {}): object => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' },
  spec: { clusterIP, ports: [{ name: 'http', port: 80, targetPort: 8080 }, { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP' }], ...spec },
})

export const slice = (name: string, pods: readonly Pod[]): object => ({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }, { name: 'dns', port: 5353, protocol: 'UDP' }],
  endpoints: pods.map(pod => ({ addresses: [pod.address], conditions: { ready: true }, nodeName: pod.address.startsWith('10.244.1.') ? 'host-1' : 'host-2' })),
})

/** A cluster IP of the test's own. */
export const IP = '10.96.7.7'

/** The names of those who answered, each once. */
export async function answering(ask: () => Promise<{ server: string }>, times = 40): Promise<readonly string[]> {
  const seen = new Set<string>()
  for (let i = 0; i < times; i += 1) seen.add((await ask()).server)
  return [...seen].sort()
}
