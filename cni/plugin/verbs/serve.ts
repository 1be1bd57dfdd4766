// From a raw request to the bytes the shim prints: parse, wait for the turn, dispatch, word the answer.

import { asCniError, CniError, textForDel } from '../cni-error.ts'
import { pluginKind, type PluginKind } from '../kind/plugin-kind.ts'
import { openPodNamespace, type PodNamespace } from '../link/pod-namespace.ts'
import { parseRequest, type CniRequest } from '../request/parse-request.ts'
import { formatResult } from '../result/format-result.ts'
import type { CniResult } from '../result/result.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { Caller, Served } from '../socket/connection.ts'
import type { RawRequest, Reply } from '../wire/raw-request.ts'
import { addChained, checkChained, roleOf, type ChainedKind } from '../chain/chained.ts'
import { renderFlannel } from '../flannel/render.ts'
import { addInterface } from '../attach/add-interface.ts'
import { removeAttachment } from '../attach/remove-attachment.ts'
import type { Role } from '../attachment/attachment.ts'
import { checkInterface } from './check.ts'
import { deleteAttachment } from './del.ts'
import { collectGarbage } from './gc.ts'
import { addAddresses, checkAddresses } from './ipam.ts'
import { addLoopback, checkLoopback, deleteLoopback } from './loopback.ts'
import { CNI_VERBS } from '../version.ts'
import type { Scheduler } from './scheduler.ts'
import { checkStatus } from './status.ts'

export type ServeOptions = Readonly<{
  host: CniHost
  scheduler: Scheduler
  /** Resolves when what earlier lives left behind is settled: ADD waits for it. */
  ready: Promise<void>
  /** A deletion is answered when all of it is done, not already when the pod is cut off. */
  wholeDeletion?: boolean
  /** Told of every answer: number 0 is success. */
  onServed?: (served: Readonly<{ verb: string; number: number; seconds: number }>) => void
}>

type Answer = Readonly<{ result?: CniResult; abandon?: () => Promise<void> }>

/** Never rejects: every failure is an answer. */
export async function serve(raw: RawRequest, caller: Caller, options: ServeOptions): Promise<Served> {
  const { clock } = options.host
  const startedMs = clock.monotonicMs()
  const served = await answer(raw, caller, options)
  const verb = CNI_VERBS.find(each => each === raw.command) ?? 'unknown'
  options.onServed?.({ verb, number: served.number, seconds: (clock.monotonicMs() - startedMs) / 1000 })
  return served
}

async function answer(raw: RawRequest, caller: Caller, options: ServeOptions): Promise<Served & Readonly<{ number: number }>> {
  const { host } = options
  const startedMs = host.clock.monotonicMs()
  const { ownNetns } = raw
  if (ownNetns === undefined || ownNetns.inode !== host.network.identity.inode || ownNetns.device !== host.network.identity.device) {
    const error = new CniError('CNI_INVALID_NETNS', 'weft-cni runs in another network namespace than the weft agent it reached', 'set WEFT_CNI_SOCKET to the socket of this host\'s agent')
    return { reply: { ...errorReply(error, raw.command, undefined), wrongHost: true }, number: error.number }
  }
  let request: CniRequest | undefined
  const fields = { verb: raw.command, containerId: raw.containerId || undefined, ifname: raw.ifname || undefined, traceparent: raw.traceparent || undefined }
  try {
    request = parseRequest(raw)
    const { result, abandon } = await dispatch(request, raw, caller, options)
    host.log[request.verb === 'STATUS' ? 'debug' : 'info']({ ...fields, network: request.network, durationMs: elapsed(host, startedMs) }, 'cni request served')
    const stdout = result === undefined ? '' : `${formatResult(result, request.cniVersion)}\n`
    return { reply: { exitCode: 0, stdout }, number: 0, ...(abandon && { abandon }) }
  } catch (thrown) {
    const error = asCniError(thrown)
    const level = error.code === 'CNI_INTERNAL' ? 'error' : 'warn'
    host.log[level]({ ...fields, network: request?.network, err: error, durationMs: elapsed(host, startedMs) }, 'cni request failed')
    return { reply: errorReply(error, raw.command, request?.cniVersion), number: error.number }
  }
}

const elapsed = (host: CniHost, startedMs: number): number => Math.round((host.clock.monotonicMs() - startedMs) * 10) / 10

function errorReply(error: CniError, verb: string, cniVersion: string | undefined): Reply {
  const word = verb === 'DEL' ? textForDel : (text: string): string => text
  const body = { ...(cniVersion !== undefined && { cniVersion }), code: error.number, msg: word(error.message), ...(error.details !== undefined && { details: word(error.details) }) }
  return { exitCode: 1, stdout: `${JSON.stringify(body)}\n` }
}

async function dispatch(request: CniRequest, raw: RawRequest, caller: Caller, options: ServeOptions): Promise<Answer> {
  const { host, scheduler } = options
  const kind = pluginKind(request)
  const key = `${request.containerId}/${request.ifname}`
  const signal = AbortSignal.timeout(Math.max(1, raw.remainingMs))
  switch (request.verb) {
    case 'STATUS':
      await checkStatus(host, request, kind)
      return {}
    case 'CHECK':
      await scheduler.run({ key, lane: 'OTHER' }, () => check(request, raw, { kind, caller, host, signal }))
      return {}
    case 'GC':
      await scheduler.runAlone(() => collectGarbage(host, request))
      return {}
    case 'DEL':
      await runDeletion(request, raw, { kind, caller, options })
      return {}
    case 'ADD': {
      await abortable(options.ready, signal)
      return await scheduler.run({ key, lane: 'ADD' }, () => {
        signal.throwIfAborted()
        return add(request, raw, { kind, caller, host, scheduler, signal })
      })
    }
    default:
      return request.verb satisfies never
  }
}

type Context = Readonly<{ kind: PluginKind; caller: Caller; host: CniHost; signal: AbortSignal }>

async function add(request: CniRequest, raw: RawRequest, context: Context & Readonly<{ scheduler: Scheduler }>): Promise<Answer> {
  const { host, kind, signal } = context
  const startedNs = process.hrtime.bigint()
  if (kind === 'ipam') {
    const result = await addAddresses(host, request, { startedNs, signal })
    return { result, abandon: () => abandon(request, 'addresses', context) }
  }
  using pod = podOf(request, raw, context)
  if (kind === 'loopback') return { result: await addLoopback(request, pod, { signal }) }
  const chained = chainedKind(kind, request)
  if (chained !== undefined) {
    return { result: await addChained(host, request, { kind: chained, pod, startedNs, signal }), abandon: () => abandon(request, roleOf(chained), context) }
  }
  const result = await addInterface(host, kind === 'flannel' ? renderFlannel(request) : request, { kind: kind === 'weft' ? 'weft' : 'bridge', pod, startedNs, signal })
  return { result, abandon: () => abandon(request, 'interface', context) }
}

/** Behind another plugin, Weft's own type only opens ports and shapes; the two plugins of those names always do. */
const chainedKind = (kind: PluginKind, request: CniRequest): ChainedKind | undefined =>
  kind === 'portmap' || kind === 'bandwidth' || (kind === 'weft' && request.prevResult !== undefined) ? kind : undefined

/** Nobody heard of the ADD: the runtime will take it for failed and may never send a DEL. */
async function abandon(request: CniRequest, role: Role, { host, scheduler }: Context & Readonly<{ scheduler: Scheduler }>): Promise<void> {
  const attachment = host.store.get(role, request)
  if (attachment === undefined) return
  await scheduler.run({ key: `${request.containerId}/${request.ifname}`, lane: 'DEL' }, async () => {
    if (host.store.get(role, request) === attachment) await (await removeAttachment(host, attachment)).finished
  })
  host.log.warn({ containerId: request.containerId, ifname: request.ifname }, 'caller of ADD vanished; its attachment is undone')
}

async function check(request: CniRequest, raw: RawRequest, context: Context): Promise<void> {
  const { host, kind, signal } = context
  if (kind === 'ipam') return await checkAddresses(host, request, { signal })
  using pod = podOf(request, raw, context)
  if (kind === 'loopback') return await checkLoopback(pod, { signal })
  // With CHECK everybody gets the chain's result: whether Weft's own type came first shows in what it recorded.
  if (kind === 'portmap' || kind === 'bandwidth' || (kind === 'weft' && host.store.get('ports', request)?.madeAs === 'weft')) return await checkChained(host, request, { kind, pod, signal })
  await checkInterface(host, kind === 'flannel' ? renderFlannel(request) : request, { kind: kind === 'weft' ? 'weft' : 'bridge', pod, signal })
}

/** Answers when the pod is cut off; its turn ends when the rest is done too, so that a new ADD of the same waits for that. */
async function runDeletion(request: CniRequest, raw: RawRequest, { kind, caller, options }: Readonly<{ kind: PluginKind; caller: Caller; options: ServeOptions }>): Promise<void> {
  const { host, scheduler } = options
  const cutOff = Promise.withResolvers<void>()
  const turn = scheduler.run({ key: `${request.containerId}/${request.ifname}`, lane: 'DEL' }, async () => {
    if (kind === 'loopback') {
      await deleteLoopback(request, raw, { host, caller })
      return
    }
    const { finished } = await deleteAttachment(host, request, deletedRole(kind, host, request))
    cutOff.resolve()
    await finished
  })
  turn.then(cutOff.resolve, (err: unknown) => {
    cutOff.reject(err)
    host.log.warn({ err, containerId: request.containerId, ifname: request.ifname }, 'deletion is not finished yet')
  })
  await (options.wholeDeletion === true ? turn : cutOff.promise)
}

function deletedRole(kind: PluginKind, host: CniHost, request: CniRequest): Role {
  switch (kind) {
    case 'ipam':
      return 'addresses'
    case 'portmap':
    case 'bandwidth':
      return roleOf(kind)
    default:
      // Type and role may have changed places since ADD; a record made by this very plugin decides.
      return (['ports', 'interface'] as const).find(role => host.store.get(role, request)?.madeAs === kind) ?? 'interface'
  }
}

function podOf(request: CniRequest, raw: RawRequest, { caller, host }: Context): PodNamespace {
  return openPodNamespace({ path: request.netns, opened: raw.openedNetns, callerPid: caller.pid, host: host.network.identity, mayBeHost: request.netnsOverride })
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
