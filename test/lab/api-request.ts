// Raw HTTPS to a laboratory API server: what clients' libraries would hide is what these tests are about.

import { request as httpsRequest, Agent } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

export type Answer = Readonly<{ code: number; headers: IncomingHttpHeaders; bytes: Buffer; text: string; json: any }>

/** Text and JSON are made when they are looked at: a benchmark of transfers does not pay for parsing. */
class ReadAnswer implements Answer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  #json: unknown

  constructor(code: number, headers: IncomingHttpHeaders, bytes: Buffer) {
    this.code = code
    this.headers = headers
    this.bytes = bytes
  }

  get text(): string {
    return this.bytes.toString()
  }

  get json(): any {
    const isJson = /json/.test(this.headers['content-type'] ?? '') && this.headers['content-encoding'] === undefined && this.bytes.length > 0
    return isJson ? (this.#json ??= JSON.parse(this.text)) : undefined
  }
}

export type RequestOptions = Readonly<{
  /** An object goes as JSON, a Buffer or string as it is. */
  body?: unknown
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
}>

/** A PEM certificate with its key; absent: the client shows none. */
export type Credentials = Readonly<{ certificatePem: string; privateKeyPem: string }>

/** A server to talk to: Weft's own, or the real one. */
export type Target = Readonly<{ port: number; authority: Pick<Credentials, 'certificatePem'>; admin: Credentials }>

export type WatchEvent = { type: string; object: any }

/** Requests over kept-alive connections with one set of credentials. */
export class ApiRequests implements Disposable {
  readonly #lab: Target
  readonly #agent: Agent

  constructor(lab: Target, credentials: Credentials | undefined = lab.admin) {
    this.#lab = lab
    this.#agent = new Agent({
      keepAlive: true, maxSockets: 2000, ca: lab.authority.certificatePem,
      ...(credentials === undefined ? {} : { cert: credentials.certificatePem, key: credentials.privateKeyPem }),
    })
  }

  static anonymous(lab: Target): ApiRequests {
    const requests = new ApiRequests(lab)
    requests.#agent.options.cert = undefined as never
    requests.#agent.options.key = undefined as never
    return requests
  }

  async send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const message = await this.#open(method, path, options)
    const chunks: Buffer[] = []
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    return new ReadAnswer(message.statusCode!, message.headers, bytes)
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('GET', path, { headers })
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('POST', path, { body, headers })
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.send('PUT', path, { body })
  }

  patch(path: string, type: 'json' | 'merge' | 'strategic-merge' | 'apply', body: unknown): Promise<Answer> {
    return this.send('PATCH', path, { body, headers: { 'content-type': type === 'apply' ? 'application/apply-patch+yaml' : `application/${type}-patch+json` } })
  }

  delete(path: string, body?: unknown): Promise<Answer> {
    return this.send('DELETE', path, body === undefined ? {} : { body })
  }

  /** Events of a watch until the server ends it or the caller stops. Throws when it does not begin with 200. */
  async *watch(path: string, options: RequestOptions = {}): AsyncGenerator<WatchEvent> {
    const message = await this.#open('GET', path, options)
    try {
      if (message.statusCode !== 200) throw new Error(`watch answered ${message.statusCode}`)
      for await (const line of createInterface({ input: message })) yield JSON.parse(line) as WatchEvent
    } finally {
      message.destroy()
    }
  }

  /** The first `count` events; rejects after the deadline with what came. */
  async events(path: string, count: number, options: RequestOptions & { deadlineMs?: number } = {}): Promise<WatchEvent[]> {
    const seen: WatchEvent[] = []
    const signal = AbortSignal.timeout(options.deadlineMs ?? 10_000)
    try {
      for await (const event of this.watch(path, { ...options, signal })) {
        seen.push(event)
        if (seen.length >= count) return seen
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    if (seen.length < count) throw new Error(`${seen.length} of ${count} events came: ${JSON.stringify(seen.map(({ type, object }) => [type, object.metadata?.name]))}`)
    return seen
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #open(method: string, path: string, { body, headers, signal }: RequestOptions): Promise<IncomingMessage> {
    const raw = body === undefined ? undefined : Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        agent: this.#agent, host: '127.0.0.1', port: this.#lab.port, method, path,
        headers: { ...(raw === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }), ...headers },
        ...(signal === undefined ? {} : { signal }),
      }, resolve)
      request.on('error', reject)
      request.end(raw)
    })
  }
}
