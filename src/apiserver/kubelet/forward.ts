// Passes one request on to another server and its answer back: bodies as they come, and both directions of a connection
// that is switched to another protocol (SPDY or WebSocket, which carry exec, attach and port forwarding).

import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { Duplex } from 'node:stream'
import type { Exchange } from '../http/exchange.ts'

export type Target = Readonly<{
  protocol: 'http' | 'https'
  host: string
  port: number
  /** With its query. */
  path: string
  tls?: Readonly<Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>>
}>

export type ForwardOptions = Readonly<{
  /** The error to throw when the other server cannot be reached or breaks off before it answers. */
  unreachable: (cause: Error) => Error
  /** Looks at the answer before it is passed on; may throw instead. */
  check?: (answer: IncomingMessage) => Promise<void>
}>

/** Of one connection only (RFC 9110, section 7.6.1), or meant for this server alone. */
const NOT_PASSED_ON = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|host|authorization|impersonate-.*|:.*)$/

/** Resolves when the answer has been passed on whole, or the switched connection has ended. */
export async function forward(exchange: Exchange, target: Target, { unreachable, check }: ForwardOptions): Promise<void> {
  const { upgrade, signal } = exchange
  const protocol = upgrade === undefined ? undefined : exchange.headers.upgrade ?? 'websocket'
  const make = target.protocol === 'https' ? httpsRequest : httpRequest
  const request = make({
    host: target.host, port: target.port, path: target.path, method: exchange.method, signal, agent: false, ...target.tls,
    headers: { ...passedOn(exchange.headers), ...(protocol === undefined ? {} : { connection: 'Upgrade', upgrade: protocol }) },
  })
  const answered = new Promise<{ message: IncomingMessage; socket?: Duplex; head?: Buffer }>((resolve, reject) => {
    request.once('response', message => resolve({ message }))
    request.once('upgrade', (message, socket, head) => resolve({ message, socket, head }))
    request.once('error', cause => reject(signal.aborted ? signal.reason as Error : unreachable(cause)))
  })
  if (upgrade === undefined && exchange.method !== 'GET' && exchange.method !== 'HEAD') exchange.request.pipe(request)
  else request.end()
  const { message, socket, head } = await answered
  request.on('error', () => socket?.destroy())
  if (socket !== undefined && upgrade !== undefined) return join(exchange, upgrade, { message, socket, head: head! })
  await check?.(message)
  exchange.start(message.statusCode ?? 502, flatten(passedOn(message.headers)))
  if (exchange.method === 'HEAD') return void exchange.response.end()
  try {
    await pipeline(message, exchange.response, { signal })
  } catch (error) {
    // Whoever went away knows; all that is left is to let the other side go, too.
    message.destroy()
    if (!exchange.response.writableEnded) exchange.response.destroy()
    if (!signal.aborted && !isBrokenOff(error)) throw error
  }
}

type Upgrade = NonNullable<Exchange['upgrade']>

/** Answers 101 in the other server's words; from then on bytes are only carried. */
async function join({ signal }: Exchange, upgrade: Upgrade, { message, socket, head }: Readonly<{ message: IncomingMessage; socket: Duplex; head: Buffer }>): Promise<void> {
  const lines = [`HTTP/1.1 101 ${message.statusMessage ?? 'Switching Protocols'}`]
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) lines.push(`${message.rawHeaders[i]}: ${message.rawHeaders[i + 1]}`)
  upgrade.detach()
  upgrade.socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) upgrade.socket.write(head)
  if (upgrade.head.length > 0) socket.write(upgrade.head)
  const end = (): void => {
    socket.destroy()
    upgrade.socket.destroy()
  }
  signal.addEventListener('abort', end)
  try {
    for (const side of [socket, upgrade.socket]) side.on('error', end)
    upgrade.socket.pipe(socket)
    socket.pipe(upgrade.socket)
    await Promise.race([once(socket, 'close'), once(upgrade.socket, 'close')])
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

const passedOn = (headers: IncomingHttpHeaders): IncomingHttpHeaders => Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.test(name)))

const flatten = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(', ')]])))

const isBrokenOff = (error: unknown): boolean => ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(String((error as NodeJS.ErrnoException).code))
