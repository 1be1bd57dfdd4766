// One TCP connection to a `weft echo` server, kept open and used: every line must be answered, in order.

import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { lookupInNetns } from './client.ts'

export class LineClient implements AsyncDisposable {
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>

  /** Connects from our own namespace, or from the one at `netns`. */
  static async connect(address: string, port: number, netns?: string): Promise<LineClient> {
    const socket = netns === undefined
      ? connect({ host: address, port })
      : connect({ host: `${address}.lab`, port, lookup: lookupInNetns(netns) as never, autoSelectFamily: false, family: isIP(address) })
    // Also what fails after nobody waits for it any more.
    socket.on('error', () => socket.destroy())
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(5_000) })
    } catch (error) {
      socket.destroy()
      throw error
    }
    return new LineClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true)
    const lines = createInterface({ input: socket })
    // readline ends with its input's last byte, but not when the connection is reset or given up.
    socket.once('close', () => lines.close())
    this.#lines = lines[Symbol.asyncIterator]()
  }

  /** Sends a line; answers the pod that echoed it. Rejects when no answer comes in time, or the connection is gone. */
  async ask(text: string, timeoutMs: number): Promise<string> {
    this.#socket.write(`${text}\n`)
    const late = AbortSignal.timeout(timeoutMs)
    const answer = await Promise.race([this.#lines.next(), once(late, 'abort').then(() => undefined)])
    if (answer === undefined) throw new Error(`"${text}" was not answered within ${timeoutMs} ms`)
    if (answer.done === true) throw new Error(`the connection ended before "${text}" was answered`)
    const match = /^pod=(\S+) .* text=(.*)$/.exec(answer.value)
    if (match?.[2] !== text) throw new Error(`"${text}" was answered with "${answer.value}"`)
    return match[1]!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }
}

/** Uses a connection without pause until stopped; keeps the longest time that a line had to wait. */
export class Chatter implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #over: Promise<void>
  count = 0
  longestMs = 0

  constructor(client: LineClient, options: Readonly<{ timeoutMs: number; pauseMs: number }>) {
    this.#over = this.#chat(client, options)
    this.#over.catch(() => undefined)
  }

  async #chat(client: LineClient, { timeoutMs, pauseMs }: Readonly<{ timeoutMs: number; pauseMs: number }>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startMs = performance.now()
      await client.ask(`line-${this.count}`, timeoutMs)
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs)
      this.count += 1
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }

  /** Stops; rejects when a line was not answered. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#over
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#over.catch(() => undefined)
  }
}
