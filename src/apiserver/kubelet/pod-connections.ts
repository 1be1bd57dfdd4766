// pods/log, exec, attach and portforward: found on the pod's node and passed on to its kubelet, in kubelet's own terms
// (k8s.io/kubernetes/pkg/registry/core/pod/strategy.go, pkg/kubelet/server).

import type { IncomingMessage } from 'node:http'
import type { Pod } from 'kubernetes-types/core/v1.d.ts'
import { invalid } from '../../api/status/field-error.ts'
import { badRequest, internalError, invalidObject, notFoundObject } from '../../api/status/status.ts'
import { boolean } from '../verbs/list-options.ts'
import type { Call } from '../verbs/call.ts'
import { forward, type Target } from './forward.ts'
import type { Kubelets } from './kubelets.ts'

type Handler = (call: Call) => Promise<void>

/** GET log: text, as the container wrote it. A pod without a node has none yet. */
export const podLog = (kubelets: Kubelets): Handler => async call => {
  const { exchange, request } = call
  const query = logQuery(exchange.query)
  const pod = await readPod(call)
  const container = containerOf(pod, exchange.query.get('container') ?? '')
  const node = pod.spec?.nodeName ?? ''
  if (node === '') return exchange.send(200, 'text/plain', '')
  const target = await kubelets.locate(node, `/containerLogs/${request.namespace}/${request.name}/${container}?${query}`, exchange.signal)
  await forward(exchange, target, { unreachable: unreachable(exchange.method, target), check: refuseFailure })
}

/** `kind` is kubelet's name of it: exec or attach. */
export const podStreams = (kubelets: Kubelets, kind: 'exec' | 'attach'): Handler => async call => {
  const { exchange, request } = call
  const pod = await readPod(call)
  const container = containerOf(pod, exchange.query.get('container') ?? '')
  const query = new URLSearchParams()
  for (const [asked, kubelets] of [['stdin', 'input'], ['stdout', 'output'], ['stderr', 'error'], ['tty', 'tty']] as const) {
    if (boolean(exchange.query, asked) === true) query.set(kubelets, '1')
  }
  for (const word of kind === 'exec' ? exchange.query.getAll('command') : []) query.append('command', word)
  await connect(call, kubelets, pod, `/${kind}/${request.namespace}/${request.name}/${container}?${query}`)
}

export const podPorts = (kubelets: Kubelets): Handler => async call => {
  const { exchange, request } = call
  const pod = await readPod(call)
  const query = new URLSearchParams(exchange.query.getAll('ports').flatMap(ports => ports.split(',')).map((port): [string, string] => ['port', port]))
  await connect(call, kubelets, pod, `/portForward/${request.namespace}/${request.name}${query.size === 0 ? '' : `?${query}`}`)
}

async function connect({ exchange, request }: Call, kubelets: Kubelets, pod: Pod, path: string): Promise<void> {
  const node = pod.spec?.nodeName ?? ''
  if (node === '') throw badRequest(`pod ${request.name} does not have a host assigned`)
  const target = await kubelets.locate(node, path, exchange.signal)
  await forward(exchange, target, { unreachable: unreachable(exchange.method, target), check: refuseFailure })
}

async function readPod({ serving, exchange, request, resource }: Call): Promise<Pod> {
  const found = await serving.objects.read(resource, request, { signal: exchange.signal })
  if (found === undefined) throw notFoundObject(resource, request.name)
  return found.object as unknown as Pod
}

/** The container that is meant, when only one can be. Throws 400. */
function containerOf({ metadata, spec }: Pod, asked: string): string {
  const names = (containers: readonly { name: string }[] | undefined): readonly string[] => (containers ?? []).map(({ name }) => name)
  const [own, init, ephemeral] = [names(spec?.containers), names(spec?.initContainers), names(spec?.ephemeralContainers)]
  if (asked === '') {
    const preferred = metadata?.annotations?.['kubectl.kubernetes.io/default-container'] ?? ''
    if (own.includes(preferred)) return preferred
    if (own.length + init.length + ephemeral.length === 1) return own[0]!
    const choice = [`choose one of: [${own.join(' ')}]`, ...(init.length > 0 ? [`or one of the init containers: [${init.join(' ')}]`] : []), ...(ephemeral.length > 0 ? [`or one of the ephemeral containers: [${ephemeral.join(' ')}]`] : [])]
    throw badRequest(`a container name must be specified for pod ${metadata?.name}, ${choice.join(' ')}`)
  }
  if (![...own, ...init, ...ephemeral].includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${metadata?.name}`)
  return asked
}

/** PodLogOptions as kubelet takes them. Throws 422. */
function logQuery(query: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams()
  for (const name of ['follow', 'previous', 'timestamps'] as const) if (boolean(query, name) === true) passed.set(name, 'true')
  for (const [name, least] of [['sinceSeconds', 1], ['tailLines', 0], ['limitBytes', 1]] as const) {
    const text = query.get(name)
    if (text === null || text === '') continue
    if (!/^-?\d{1,15}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
    if (Number(text) < least) throw invalidObject({ group: '', kind: 'PodLogOptions' }, '', [invalid(name, Number(text), `must be greater than ${least === 0 ? 'or equal to 0' : '0'}`)])
    passed.set(name, text)
  }
  for (const name of ['sinceTime', 'stream'] as const) if ((query.get(name) ?? '') !== '') passed.set(name, query.get(name)!)
  return passed
}

/** Kubelet's failures are plain text; clients of this server expect a Status. */
async function refuseFailure(answer: IncomingMessage): Promise<void> {
  const code = answer.statusCode ?? 500
  if (code < 400) return
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) if (text.length < MAX_TEXT) text += String(chunk)
  throw code < 500 && code !== 401 && code !== 403 ? badRequest(text.trim() || `the kubelet answered ${code}`) : internalError(`the kubelet answered ${code}: ${text.trim()}`)
}

const MAX_TEXT = 10_000

const unreachable = (method: string, { protocol, host, port, path }: Target) => (cause: Error): Error =>
  internalError(`error sending request: ${method[0]}${method.slice(1).toLowerCase()} "${protocol}://${host}:${port}${path}": ${cause.message}`, cause)
