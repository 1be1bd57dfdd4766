// One request and its response, over HTTP/1.1 or HTTP/2 alike.

import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { entityTooLarge, badRequest } from '../../api/status/status.ts'
import { parseRequestPath, type RequestInfo } from './request-info.ts'

/** kube-apiserver's limit of a request body (3 MiB). */
export const MAX_BODY_BYTES = 3 * 1024 * 1024
/** Above this many characters of warnings in total, each is cut to WARNING_CUT (k8s.io/apiserver/pkg/warning). */
const WARNINGS_TOTAL = 4096
const WARNING_CUT = 256

/** Stable ids of the flow schema and priority level that upstream would name; clients log them at most. */
const FLOW_HEADERS = {
  'x-kubernetes-pf-flowschema-uid': '5ea9c1d0-5ac4-4c63-9c3e-7e1f4b0f1a01',
  'x-kubernetes-pf-prioritylevel-uid': '5ea9c1d0-5ac4-4c63-9c3e-7e1f4b0f1a02',
} as const

/** The connection of a client that wants to switch to another protocol, until someone answers it. */
export type Upgrade = Readonly<{
  socket: Duplex
  /** What the client sent behind its request. */
  head: Buffer
  /** Takes the socket away from the ordinary response. */
  detach: () => void
}>

export class Exchange {
  readonly request: Http2ServerRequest
  readonly response: Http2ServerResponse
  readonly method: string
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly auditId: string
  /** Aborted when the client goes away, the time limit passes or the server stops. */
  readonly signal: AbortSignal
  readonly #abort: AbortController
  readonly #warnings = new Set<string>()
  /** A watch: it ends when the server stops, while other requests are let finish. */
  longRunning = false
  readonly upgrade: Upgrade | undefined
  user: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] }

  /** Throws 400 when the URL is malformed. */
  constructor(request: Http2ServerRequest, response: Http2ServerResponse, upgrade?: Upgrade) {
    this.request = request
    this.upgrade = upgrade
    this.response = response
    this.method = request.method
    const mark = request.url.indexOf('?')
    this.query = new URLSearchParams(mark === -1 ? '' : request.url.slice(mark + 1))
    this.auditId = safeHeader(request.headers['audit-id']) ?? randomUUID()
    this.#abort = new AbortController()
    this.signal = this.#abort.signal
    // Also comes after every response that was sent whole: then nothing is left to be told.
    response.on('close', () => { if (!response.writableEnded) this.abort(new DOMException('the client went away', 'AbortError')) })
    this.info = parseRequestPath(mark === -1 ? request.url : request.url.slice(0, mark))
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason)
  }

  /** Adds a `Warning:` header; the same text once. */
  warn(text: string): void {
    this.#warnings.add(text)
  }

  /** True when the client asked for indentation, or is a person's tool that did not say. */
  get pretty(): boolean {
    const asked = this.query.get('pretty')
    if (asked !== null) return asked === 'true' || asked === '1'
    return /^(?:curl|Wget|Mozilla\/5\.0)/.test(this.headers['user-agent'] ?? '')
  }

  /** Reads the whole body. Throws 413 above the limit. */
  async readBody(): Promise<Buffer> {
    const declared = Number(this.headers['content-length'] ?? 0)
    if (declared > MAX_BODY_BYTES) throw tooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    // Events: an async iterator over the stream costs a tenth of a whole create.
    await new Promise<void>((resolve, reject) => {
      this.request.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
        // What still comes is thrown away, so that the client gets to read the answer.
        else reject(tooLarge())
      })
      this.request.once('end', resolve)
      this.request.once('error', reject)
      this.request.once('close', () => reject(badRequest('the request body ended early')))
    })
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** Sends the status line and headers, with those every response carries. */
  start(code: number, headers: Readonly<Record<string, string>>): void {
    const warnings = this.#warningHeaders()
    if (warnings.length > 0) this.response.setHeader('warning', warnings)
    this.response.writeHead(code, {
      'audit-id': this.auditId,
      'cache-control': 'no-cache, private',
      'x-content-type-options': 'nosniff',
      ...FLOW_HEADERS,
      ...headers,
    })
  }

  /** Sends a whole response. */
  send(code: number, contentType: string, body: Buffer | string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.response.headersSent) return
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    this.start(code, { 'content-type': contentType, 'content-length': String(bytes.length), ...headers })
    if (this.method === 'HEAD') this.response.end()
    else this.response.end(bytes)
  }

  /** Sends a JSON value, indented when the client is a person. */
  sendJson(code: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.send(code, 'application/json', `${JSON.stringify(value, null, this.pretty ? 2 : undefined)}\n`, headers)
  }

  #warningHeaders(): string[] {
    const texts = [...this.#warnings].map(text => text.replace(/[\x00-\x1f\x7f]+/g, ' '))
    const cut = texts.reduce((sum, text) => sum + text.length, 0) > WARNINGS_TOTAL
    return texts.map(text => `299 - "${(cut ? text.slice(0, WARNING_CUT) : text).replace(/["\\]/g, '\\$&')}"`)
  }
}

const tooLarge = (): Error => entityTooLarge(`Request entity too large: limit is ${MAX_BODY_BYTES}`)

/** A client's Audit-ID is echoed, so it must be harmless as a header. */
const safeHeader = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value) ? value : undefined
