// Clients that never rest: each path of the cluster in requests on new connections, lines on old ones, and datagrams.

import { setTimeout as delay } from 'node:timers/promises'
import { ask } from '../../../src/cluster/echo/ask.ts'
import { formatHostPort } from '../../../src/net/ip/port.ts'
import { LineClient } from '../../lab/line-client.ts'
import type { Attempt, Path } from '../judge/attempt.ts'
import { LINE_PATIENCE_MS, type Stall } from '../judge/judge.ts'
import { UdpConversation } from './udp-conversation.ts'

/** Where a client connects from and to. `netns` undefined: from the machine around the cluster. */
export type Line = Readonly<{ name: string; netns: string | undefined; address: string; port: number; path: Path; kind: Attempt['kind'] }>

const REQUEST_PATIENCE_MS = 8_000
const DATAGRAM_PATIENCE_MS = 2_000
const PAUSE_MS: Readonly<Record<Attempt['kind'], number>> = { request: 250, line: 100, datagram: 200 }
/** A timer that is late by this much says that this process did not get to run. */
const STALL_MS = 400

export class Traffic implements AsyncDisposable {
  readonly attempts: Attempt[] = []
  readonly stalls: Stall[] = []
  readonly #stop = new AbortController()
  readonly #clients: readonly Promise<void>[]
  readonly #now: () => number

  constructor(lines: readonly Line[], now: () => number) {
    this.#now = now
    this.#clients = [...lines.map(line => this.#run(line)), this.#watchOurselves()]
    for (const client of this.#clients) client.catch(() => undefined)
  }

  async #run(line: Line): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (line.kind === 'request') await this.#request(line)
      else await this.#converse(line)
      await delay(PAUSE_MS.request)
    }
  }

  async #request(line: Line): Promise<void> {
    const startMs = this.#now()
    await this.#attempt(line, startMs, () =>
      ask(`http://${formatHostPort(line.address, line.port)}/`, { netns: line.netns, timeoutMs: REQUEST_PATIENCE_MS, signal: this.#stop.signal }))
  }

  /** One connection or conversation, until it breaks. */
  async #converse(line: Line): Promise<void> {
    const openedMs = this.#now()
    let client: LineClient | UdpConversation
    try {
      client = line.kind === 'line' ? await LineClient.connect(line.address, line.port, line.netns) : await UdpConversation.open(line.netns!, line.address, line.port)
    } catch (error) {
      // Opening is a request like any other.
      this.#record({ ...line, kind: 'request' }, openedMs, openedMs, (error as Error).message)
      return
    }
    const close = (): void => void (client instanceof LineClient ? client[Symbol.asyncDispose]() : client[Symbol.dispose]())
    this.#stop.signal.addEventListener('abort', close, { once: true })
    try {
      for (let count = 0; !this.#stop.signal.aborted; count += 1) {
        const answered = await this.#attempt(line, openedMs, () => client.ask(`${line.name.replaceAll(' ', '-')}-${count}`, line.kind === 'line' ? LINE_PATIENCE_MS : DATAGRAM_PATIENCE_MS))
        if (!answered) return
        await delay(PAUSE_MS[line.kind])
      }
    } finally {
      this.#stop.signal.removeEventListener('abort', close)
      if (!this.#stop.signal.aborted) close()
    }
  }

  async #attempt(line: Line, openedMs: number, work: () => Promise<unknown>): Promise<boolean> {
    const startMs = this.#now()
    try {
      await work()
      this.#record(line, openedMs, startMs, undefined)
      return true
    } catch (error) {
      // What is under way when the run ends has no fate.
      if (!this.#stop.signal.aborted) this.#record(line, openedMs, startMs, (error as Error).message)
      return false
    }
  }

  #record({ name, path, kind }: Line, openedMs: number, startMs: number, failure: string | undefined): void {
    this.attempts.push({ client: name, path, kind, openedMs, startMs, endMs: this.#now(), failure })
  }

  async #watchOurselves(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const fromMs = this.#now()
      await delay(50)
      const untilMs = this.#now()
      if (untilMs - fromMs > 50 + STALL_MS) this.stalls.push({ fromMs, untilMs })
    }
  }

  /** Ends all clients; what they saw stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the run is over'))
    await Promise.allSettled(this.#clients)
  }
}
