// One look at a container: HTTP, TCP or a command (kubelet's rules for success).

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { once } from 'node:events'
import type { Container, Probe } from 'kubernetes-types/core/v1.js'

export type ProbeResult = Readonly<{ ok: boolean; message: string }>

export type ProbeTarget = Readonly<{
  container: Container
  podIP: string
  /** Runs a command inside; exit code undefined when it had to be killed. */
  exec: (command: readonly string[], timeoutMs: number) => Promise<Readonly<{ exitCode: number | undefined; output: string }>>
}>

/** Redirects that kubelet follows; to another host it does not, and counts that as success. */
const MAX_REDIRECTS = 10

/** Never rejects: what goes wrong is a failed probe, with its reason. Rejects only with the signal's own reason. */
export async function runProbe(probe: Probe, target: ProbeTarget, { signal }: Readonly<{ signal: AbortSignal }>): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  try {
    if (probe.httpGet !== undefined) return await probeHttp(probe.httpGet, target, deadline)
    if (probe.tcpSocket !== undefined) return await probeTcp(probe.tcpSocket.host || target.podIP, portOf(probe.tcpSocket.port, target.container), deadline)
    if (probe.exec !== undefined) return await probeExec(probe.exec.command ?? [], target, timeoutMs)
    return { ok: false, message: `this node knows probes of the kinds httpGet, tcpSocket and exec, not ${Object.keys(probe).join(', ')}` }
  } catch (error) {
    signal.throwIfAborted()
    return { ok: false, message: deadline.aborted ? `no answer within ${timeoutMs / 1000} s` : (error as Error).message }
  }
}

async function probeHttp(get: NonNullable<Probe['httpGet']>, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const host = get.host || target.podIP
  const scheme = get.scheme === 'HTTPS' ? 'https' : 'http'
  let url = new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${portOf(get.port, target.container)}${(get.path ?? '/').replace(/^(?!\/)/, '/')}`)
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/weft', accept: '*/*', connection: 'close' }
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const { statusCode = 0, location } = await ask(url, headers, signal)
    const next = location !== undefined && statusCode >= 300 && statusCode < 400 ? new URL(location, url) : undefined
    if (next === undefined || next.hostname !== url.hostname) return { ok: statusCode >= 200 && statusCode < 400, message: `HTTP probe answered with status ${statusCode}` }
    url = next
  }
  return { ok: false, message: `stopped after ${MAX_REDIRECTS} redirects` }
}

async function ask(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Readonly<{ statusCode: number | undefined; location: string | undefined }>> {
  // A probe's certificate is not verified: the pod's address is in no certificate (kubelet does the same).
  const request = url.protocol === 'https:' ? httpsRequest(url, { headers, signal, agent: false, rejectUnauthorized: false }) : httpRequest(url, { headers, signal, agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.destroy()
  return { statusCode: response.statusCode, location: response.headers.location }
}

async function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal })
    return { ok: true, message: 'connected' }
  } finally {
    socket.destroy()
  }
}

async function probeExec(command: readonly string[], target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const { exitCode, output } = await target.exec(command, timeoutMs)
  if (exitCode === undefined) return { ok: false, message: `the command did not end within ${timeoutMs / 1000} s` }
  return { ok: exitCode === 0, message: output.trim() || `exit code ${exitCode}` }
}

/** A port by number, or by its name in the container's list. */
export function portOf(port: number | string, container: Container): number {
  const number = typeof port === 'number' ? port : /^\d+$/.test(port) ? Number(port) : container.ports?.find(({ name }) => name === port)?.containerPort
  if (number === undefined) throw new Error(`container ${container.name} has no port named ${JSON.stringify(port)}`)
  return number
}
