// What the client needs of HTTP, and nothing more: send one request, read the answer as it comes.

import type { Readable } from 'node:stream'

export type HttpRequest = Readonly<{
  method: string
  /** Path and query. */
  path: string
  headers: Readonly<Record<string, string | readonly string[]>>
  body?: string | undefined
  signal: AbortSignal
}>

export type HttpResponse = Readonly<{
  status: number
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Must be read to its end or destroyed. Fails with the transport's error when the wire is cut. */
  body: Readable
}>

/** One origin, any number of requests at a time. Disposing it closes every connection. */
export interface Transport extends AsyncDisposable {
  request(request: HttpRequest): Promise<HttpResponse>
}

/** How long a connection attempt may take. We chose: a SYN is sent at 0, 1 and 3 s (tcp_syn_retries), so the third has a chance. */
export const CONNECT_TIMEOUT_MS = 10_000

/**
 * TCP keep-alive starts after this much silence (libuv then probes every second, ten times), so a peer that
 * vanished without a word is noticed within 25 s even on a connection that only listens.
 */
export const TCP_KEEPALIVE_MS = 15_000

export const firstHeader = (response: HttpResponse, name: string): string | undefined => {
  const value = response.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
