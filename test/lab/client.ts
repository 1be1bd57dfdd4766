// Clients that run in this process with their sockets in a foreign namespace. Node creates a client's socket right after its
// look-up has answered, so a look-up that answers while inside the namespace decides where the socket lives.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { inNetns } from '../../src/net/netns/in-netns.ts'
import { parseReply, type Reply } from './reply.ts'

export type Destination = Readonly<{
  address: string
  port: number
  /** Source address and port, chosen by the kernel when absent. */
  localAddress?: string
  localPort?: number
  /** How long to wait before the request fails with ETIMEDOUT. */
  timeoutMs?: number
}>

const DEFAULT_TIMEOUT_MS = 3_000

/** A look-up for `net`, `http` and `dgram` options: answers the address itself, from inside the namespace. */
export const lookupInNetns = (netns: string) =>
  (address: string, _options: unknown, callback: (error: null, address: string, family: number) => void): void => {
    const text = address.replace(/\.lab$/, '')
    inNetns(netns, () => callback(null, text, isIP(text)))
  }

class Timeout extends Error {
  readonly code = 'ETIMEDOUT'
}

const deadline = (what: string, { timeoutMs = DEFAULT_TIMEOUT_MS }: Destination): { signal: AbortSignal; cancel: () => void } => {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Timeout(`${what}: no answer within ${timeoutMs} ms`)), timeoutMs)
  return { signal: controller.signal, cancel: () => clearTimeout(timer) }
}

/** Rejects with the abort's own reason instead of Node's wrapper. */
async function within<T>(what: string, destination: Destination, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, cancel } = deadline(what, destination)
  try {
    return await work(signal)
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    cancel()
  }
}

/** A TCP connection to an echo server that stays open: every `send` answers what came back. */
export class Connection implements AsyncDisposable {
  readonly greeting: Reply
  readonly #socket: Socket
  readonly #lines: Lines

  constructor(socket: Socket, lines: Lines, greeting: Reply) {
    this.#socket = socket
    this.#lines = lines
    this.greeting = greeting
  }

  async send(text: string, options: Readonly<{ timeoutMs?: number }> = {}): Promise<string> {
    this.#socket.write(`${text}\n`)
    return within('tcp echo', { address: '', port: 0, ...options }, signal => this.#lines.next(signal))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }
}

/** Cuts a stream into lines for whoever asks next. */
class Lines {
  #text = ''
  #ended: Error | undefined
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      this.#text += chunk
      this.#wake?.()
    })
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(Object.assign(new Error('the connection was closed'), { code: 'ECLOSED' })))
  }

  async next(signal: AbortSignal): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end !== -1) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 1)
        return line
      }
      if (this.#ended !== undefined) throw this.#ended
      signal.throwIfAborted()
      await new Promise<void>(resolve => {
        this.#wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  #end(error: Error): void {
    this.#ended ??= error
    this.#wake?.()
  }
}

/** Opens a TCP connection to an echo server and reads its greeting. Rejects with ECONNREFUSED, ETIMEDOUT, … */
export async function openTcp(netns: string, destination: Destination): Promise<Connection> {
  const { address, port, localAddress, localPort } = destination
  const socket = connect({
    host: `${address}.lab`, port, autoSelectFamily: false, lookup: lookupInNetns(netns), noDelay: true,
    ...(localAddress !== undefined && { localAddress }), ...(localPort !== undefined && { localPort }),
  })
  try {
    return await within(`tcp ${address} ${port}`, destination, async signal => {
      const lines = new Lines(socket)
      return new Connection(socket, lines, parseReply(await lines.next(signal)))
    })
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Sends one datagram to an echo server and answers its reply; an ICMP rejection becomes ECONNREFUSED. */
export async function askUdp(netns: string, destination: Destination, text = 'hello'): Promise<Reply> {
  const { address, port, localAddress, localPort = 0 } = destination
  const family = isIP(address) === 6 ? 6 : 4
  const socket = createSocket({ type: `udp${family}`, lookup: lookupInNetns(netns) })
  try {
    return await within(`udp ${address} ${port}`, destination, async signal => {
      const bound = once(socket, 'listening', { signal })
      socket.bind({ port: localPort, address: localAddress ?? (family === 4 ? '0.0.0.0' : '::'), exclusive: true })
      await bound
      const connected = once(socket, 'connect', { signal })
      socket.connect(port, address)
      await connected
      const answered = once(socket, 'message', { signal })
      socket.send(text)
      const [message] = (await answered) as [Buffer]
      return parseReply(message.toString())
    })
  } finally {
    socket.close()
  }
}

/** GETs `path` over a connection of its own; answers status and body. */
export async function getHttp(netns: string, destination: Destination, path = '/'): Promise<Readonly<{ status: number; body: string }>> {
  const { address, port, localAddress, localPort } = destination
  return within(`http ${address} ${port}`, destination, async signal => {
    const asked = request({
      host: `${address}.lab`, port, path, agent: false, autoSelectFamily: false, lookup: lookupInNetns(netns) as never, signal,
      headers: { host: address.includes(':') ? `[${address}]` : address },
      ...(localAddress !== undefined && { localAddress }), ...(localPort !== undefined && { localPort }),
    } as never)
    asked.end()
    const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return { status: response.statusCode ?? 0, body }
  })
}
