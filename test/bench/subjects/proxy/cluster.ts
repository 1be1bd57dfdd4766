// An API server filled with Services and EndpointSlices, and a host with a proxy that follows it: ours or the real one.

import type { Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { openApiClient, type ApiClient } from '../../../../src/client/api-client.ts'
import { loadKubeconfig } from '../../../../src/client/kubeconfig/load.ts'
import { ENDPOINT_SLICES, NODES, SERVICES } from '../../../../src/client/resources.ts'
import { silentLog } from '../../../../src/ops/log.ts'
import { ApiServerLab } from '../../../lab/apiserver.ts'
import { openLab, type Host } from '../../../lab/lab.ts'
import { ProxyLab } from '../../../lab/proxy.ts'
import { TcpBridge } from '../../../lab/tcp-bridge.ts'
import { findPeer } from '../../../peers/cache.ts'

export type Size = Readonly<{ services: number; endpoints: number }>

export const NODE = 'bench-1'
const KUBE_PROXY_VERSION = '1.36.3'
export const KUBE_PROXY_NAME = `kube-proxy ${KUBE_PROXY_VERSION}`

/** Path of the real kube-proxy, if `npm run peers` has fetched it. */
export const kubeProxy = (): string | undefined => findPeer(`kube-proxy-${KUBE_PROXY_VERSION}`)

/** 10.96.0.0/12 from its start; the last service has the highest number. */
export const clusterIp = (n: number): string => `10.${96 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
export const endpointIp = (n: number): string => `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`

export const serviceOf = (n: number): Service => ({
  metadata: { namespace: 'default', name: `svc-${n}` },
  spec: { clusterIP: clusterIp(n), ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }] },
})

/** `shift` moves one endpoint to another address, as a restarted pod does. */
export const sliceOf = (n: number, endpoints: number, shift = 0): EndpointSlice => ({
  metadata: { namespace: 'default', name: `svc-${n}`, labels: { 'kubernetes.io/service-name': `svc-${n}` } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: endpoints }, (_, i) => ({
    addresses: [endpointIp(n * endpoints + i + (i === 0 ? shift * 500_000 : 0))],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${i % 100}`,
    targetRef: { kind: 'Pod', namespace: 'default', name: `svc-${n}-${i}` },
  })),
})

/** `program`: how to start ours, when not from the sources. */
export type StartOptions = Readonly<{ variant?: 'nft' | 'legacy'; program?: readonly string[] }>

export class ProxyCluster implements AsyncDisposable {
  readonly api: ApiServerLab
  readonly client: ApiClient
  readonly #kubeconfig: string
  readonly #held: AsyncDisposableStack

  private constructor(parts: Readonly<{ api: ApiServerLab; client: ApiClient; kubeconfig: string; held: AsyncDisposableStack }>) {
    this.api = parts.api
    this.client = parts.client
    this.#kubeconfig = parts.kubeconfig
    this.#held = parts.held
  }

  static async open({ services, endpoints }: Size, { say, signal }: Readonly<{ say: (line: string) => void; signal: AbortSignal }>): Promise<ProxyCluster> {
    await using held = new AsyncDisposableStack()
    const api = held.use(await ApiServerLab.open({ flags: ['--service-cluster-ip-range', '10.96.0.0/12'] }))
    const client = held.use(openApiClient({ config: await loadKubeconfig({ path: api.kubeconfig }), userAgent: 'weft-bench', log: silentLog() }))
    const start = performance.now()
    await client.create(NODES, { metadata: { name: NODE } }, { signal })
    // Both proxies wait half a minute for a Node that has no address.
    await client.patch(NODES, { name: NODE }, { type: 'merge', body: { status: { addresses: [{ type: 'InternalIP', address: '172.30.0.1' }] } } }, { signal, subresource: 'status' })
    let next = 16 // the first addresses are the API server's own
    const writer = async (): Promise<void> => {
      for (let n = next; n < services + 16; n = next) {
        next += 1
        await client.create(SERVICES, serviceOf(n), { signal })
        if (endpoints > 0) await client.create(ENDPOINT_SLICES, sliceOf(n, endpoints), { signal })
      }
    }
    await Promise.all(Array.from({ length: 32 }, writer))
    say(`${services} services with ${endpoints} endpoints each stored in ${Math.round(performance.now() - start)} ms`)
    const kubeconfig = await api.kubeconfigFor('proxy', { commonName: 'system:kube-proxy' })
    return new ProxyCluster({ api, client, kubeconfig, held: held.move() })
  }

  /** A fresh host with a proxy that is just starting. Dispose of it to remove the host and all rules with it. */
  startProxy(program: 'weft' | 'kube-proxy', flags: readonly string[], options: StartOptions = {}): Promise<RunningProxy> {
    return startProxy(program, { ...options, kubeconfig: this.#kubeconfig, port: this.api.port, flags })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync()
  }
}

/** A proxy that is just starting, on a host of its own, for a server on this process's loopback. */
export async function startProxy(program: 'weft' | 'kube-proxy', options: StartOptions & Readonly<{ kubeconfig: string; port: number; flags: readonly string[] }>): Promise<RunningProxy> {
  const { kubeconfig, port, flags, variant, program: own } = options
  await using held = new AsyncDisposableStack()
  const lab = held.use(await openLab({ hosts: 1 }))
  const host = lab.host(1)
  held.use(await TcpBridge.open({ netns: host.netns, port }))
  const startedAt = performance.now()
  const proxy = held.use(ProxyLab.start({
    host, kubeconfig, nodeName: NODE,
    flags: ['--cluster-cidr=10.128.0.0/9', '--conntrack-max-per-core=0', ...flags],
    ...(variant === undefined ? {} : { variant }),
    ...(program === 'kube-proxy' ? { program: [kubeProxy()!] } : own === undefined ? {} : { program: own }),
  }))
  const all = held.move()
  return { host, proxy, startedAt, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

export type RunningProxy = AsyncDisposable & Readonly<{ host: Host; proxy: ProxyLab; startedAt: number }>

