// nodes/proxy, pods/proxy and services/proxy: any HTTP request to a kubelet, a pod or an endpoint of a Service. Names may
// say scheme and port as well: "https:web:8443".

import type { Pod, Service } from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import { badRequest, failure, notFoundObject } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import { decodeValue } from '../objects/stored-object.ts'
import type { Call } from '../verbs/call.ts'
import { forward, type Target } from './forward.ts'
import type { Kubelets } from './kubelets.ts'

type Handler = (call: Call) => Promise<void>

export const nodeProxy = (kubelets: Kubelets): Handler => async call => {
  const { name } = parseName(call.request.name)
  await pass(call, await kubelets.locate(name, pathOf(call), call.exchange.signal))
}

export const podProxy: Handler = async call => {
  const { scheme, name, port } = parseName(call.request.name)
  const pod = await read<Pod>(call, name)
  const address = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP
  const ports = (pod.spec?.containers ?? []).flatMap(container => container.ports ?? [])
  const number = port === '' ? ports[0]?.containerPort ?? 80 : Number(port) || ports.find(candidate => candidate.name === port)?.containerPort
  if (address === undefined || number === undefined) throw noWay(address === undefined ? 'address not allowed: the pod has none' : `the pod has no port ${JSON.stringify(port)}`)
  await pass(call, { protocol: scheme, host: address, port: number, path: pathOf(call), ...UNCHECKED })
}

/** One of the Service's ready endpoints, any one. */
export const serviceProxy = (catalog: Catalog): Handler => async call => {
  const { serving, request, exchange } = call
  const { scheme, name, port } = parseName(request.name)
  const { spec } = await read<Service>(call, name)
  const ports = spec?.ports ?? []
  const wanted = port === '' ? (ports.length === 1 ? ports[0] : undefined) : ports.find(candidate => candidate.name === port || String(candidate.port) === port)
  if (wanted === undefined) throw noWay(`no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`)
  const slices = catalog.builtin('discovery.k8s.io', 'endpointslices')
  const { entries } = await serving.objects.page(slices, request.namespace, { limit: MAX_SLICES }, { signal: exchange.signal })
  const found = entries.map(entry => decodeValue(slices, entry) as unknown as EndpointSlice)
    .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
    .flatMap(slice => (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => (slice.ports ?? []).filter(candidate => (candidate.name ?? '') === (wanted.name ?? '')).map(candidate => ({ host: addresses[0]!, port: candidate.port! }))))
  const chosen = found[Math.floor(Math.random() * found.length)]
  if (chosen === undefined) throw noWay(`no endpoints available for service ${JSON.stringify(name)}`)
  await pass(call, { protocol: scheme, ...chosen, path: pathOf(call), ...UNCHECKED })
}

const MAX_SLICES = 10_000
/** Upstream does not check certificates of pods either. */
const UNCHECKED = { tls: { rejectUnauthorized: false } } as const

function parseName(text: string): { scheme: 'http' | 'https'; name: string; port: string } {
  const parts = text.split(':')
  const [scheme, name, port] = parts.length === 3 ? parts as [string, string, string] : ['', parts[0]!, parts[1] ?? '']
  if (parts.length > 3 || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) throw badRequest(`invalid request ${JSON.stringify(text)}: a name may be "scheme:name:port"`)
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port }
}

const pathOf = ({ request, exchange }: Call): string => {
  const mark = exchange.request.url.indexOf('?')
  return `/${request.subpath.map(encodeURIComponent).join('/')}${mark === -1 ? '' : exchange.request.url.slice(mark)}`
}

async function read<T>({ serving, exchange, request, resource }: Call, name: string): Promise<T> {
  const found = await serving.objects.read(resource, { namespace: request.namespace, name }, { signal: exchange.signal })
  if (found === undefined) throw notFoundObject(resource, name)
  return found.object as unknown as T
}

const pass = ({ exchange }: Call, target: Target): Promise<void> =>
  forward(exchange, target, { unreachable: cause => noWay(`error trying to reach service: ${cause.message}`) })

const noWay = (message: string): Error => failure({ code: 503, reason: 'ServiceUnavailable', message })
