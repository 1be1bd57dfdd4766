// From whatever was thrown to the Status body that the client gets.

import { failure, internalError, StatusError, tooManyRequests, type Status } from '../../api/status/status.ts'
import { WeftError } from '../../ops/errors.ts'
import type { Exchange } from './exchange.ts'

/** A client's own mistakes become their 4xx; a store that cannot write 503; anything else 500, to be logged. */
export function statusOf(error: unknown): { status: Status; unexpected: boolean } {
  if (error instanceof StatusError) return { status: error.body, unexpected: false }
  if (error instanceof WeftError && error.retryable) {
    return { status: failure({ code: 503, reason: 'ServiceUnavailable', message: error.message, details: { retryAfterSeconds: 1 } }).body, unexpected: true }
  }
  return { status: internalError(error instanceof Error ? error.message : String(error), error).body, unexpected: true }
}

/** Sends a Status; after the response has begun all that is left is to cut it off. */
export function sendStatus(exchange: Exchange, status: Status): void {
  if (exchange.response.headersSent) {
    exchange.response.destroy()
    return
  }
  const retryAfter = status.details?.retryAfterSeconds ?? (status.code === 429 || status.code === 503 ? 1 : undefined)
  exchange.sendJson(status.code, status, {
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...(status.code === 401 ? { 'www-authenticate': 'Bearer realm="weft"' } : {}),
  })
}

/** The plain page for paths that lead nowhere. */
export const sendPageNotFound = (exchange: Exchange): void => exchange.send(404, 'text/plain; charset=utf-8', '404 page not found\n')

export const tooManyInFlight = (): StatusError => tooManyRequests('Too many requests, please try again later.', 1)
