// One call to the API: credentials on, deadline on, answer read whole, errors classified.

import type { Readable } from 'node:stream'
import type { Status } from 'kubernetes-types/meta/v1.js'
import { WeftError } from '../ops/errors.ts'
import { withDeadline } from './deadline.ts'
import { ApiError, TransportError, type RequestSubject } from './errors.ts'
import { firstHeader, type HttpResponse, type Transport } from './http/transport.ts'
import type { ClientConfig } from './kubeconfig/config.ts'
import type { OutageLog } from './outage-log.ts'

export type Call = Readonly<{
  method: string
  path: string
  accept?: string
  body?: unknown
  contentType?: string
  signal: AbortSignal
}>

/** The API server ends ordinary requests after 60 s itself (2.1); a little more leaves it the last word. */
export const DEFAULT_TIMEOUT_MS = 65_000

/** Sends requests to one API server. */
export class Requester {
  readonly #config: ClientConfig
  readonly #transport: Transport
  readonly #userAgent: string
  readonly #outages: OutageLog

  constructor(options: Readonly<{ config: ClientConfig; transport: Transport; userAgent: string; outages: OutageLog }>) {
    this.#outages = options.outages
    this.#config = options.config
    this.#transport = options.transport
    this.#userAgent = options.userAgent
  }

  /** The parsed answer. Throws ApiError, TransportError, CredentialError, or the signal's reason. */
  async json<T>(call: Call, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<T> {
    const body = await this.text(call, timeoutMs)
    try {
      return JSON.parse(body) as T
    } catch (cause) {
      throw new TransportError('the answer is not JSON: is this an API server?', this.#subject(call), { cause })
    }
  }

  /** The answer's body as text (health checks, logs). */
  async text(call: Call, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    using deadline = withDeadline(call.signal, timeoutMs)
    try {
      const response = await this.#send({ ...call, signal: deadline.signal })
      const body = await readAll(response.body)
      if (response.status >= 400) throw this.#apiError(call, response, body)
      return body
    } catch (error) {
      throw this.#classify(call, error)
    }
  }

  /** A stream without a deadline: aborting the signal ends it, and so does destroying the body. */
  async stream(call: Call): Promise<Readable> {
    try {
      const response = await this.#send(call)
      if (response.status >= 400) throw this.#apiError(call, response, await readAll(response.body))
      return response.body
    } catch (error) {
      throw this.#classify(call, error)
    }
  }

  /** Errors of a body that is being streamed come from the transport; this gives them their class. */
  classify(call: Call, error: unknown): unknown {
    return this.#classify(call, error)
  }

  async #send(call: Call): Promise<HttpResponse> {
    const { authorization, headers } = await this.#config.credentials.present({ signal: call.signal })
    const response = await this.#transport.request({
      method: call.method,
      path: this.#config.server.pathname.replace(/\/$/, '') + call.path,
      headers: {
        accept: call.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...headers,
        ...(authorization !== undefined && { authorization }),
        ...(call.body !== undefined && { 'content-type': call.contentType ?? 'application/json' }),
      },
      ...(call.body !== undefined && { body: typeof call.body === 'string' ? call.body : JSON.stringify(call.body) }),
      signal: call.signal,
    })
    this.#outages.answered()
    if (response.status === 401) this.#config.credentials.invalidate()
    return response
  }

  #apiError(call: Call, response: HttpResponse, body: string): ApiError {
    const retryAfter = Number(firstHeader(response, 'retry-after') ?? NaN)
    return new ApiError(parseStatus(response.status, body), this.#subject(call), retryAfter > 0 ? retryAfter * 1000 : undefined)
  }

  #classify(call: Call, error: unknown): unknown {
    if (call.signal.aborted) return call.signal.reason
    if (error instanceof WeftError) return error
    const cause = error as NodeJS.ErrnoException
    return new TransportError(`the API server at ${this.#config.server.host} cannot be reached: ${describe(cause)}`, this.#subject(call), { cause })
  }

  #subject(call: Call): RequestSubject & { server: string } {
    return { method: call.method, path: call.path, server: this.#config.server.host }
  }
}

/** Happy eyeballs reports one error per address, without a message of its own. */
const describe = (error: NodeJS.ErrnoException): string =>
  error.message || (error as unknown as AggregateError).errors?.map((inner: Error) => inner.message).join('; ') || error.code || 'unknown error'

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8')
}

/** A Status from whatever an error answer carried: proxies and unknown paths answer in plain text. */
export function parseStatus(httpStatus: number, body: string): Status {
  try {
    const parsed = JSON.parse(body) as Status
    if (parsed.kind === 'Status') return { ...parsed, code: parsed.code ?? httpStatus }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { code: httpStatus, status: 'Failure', message: body.trim().slice(0, 1024) || `HTTP ${httpStatus}` }
}
