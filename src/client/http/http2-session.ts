// One HTTP/2 connection (RFC 9113): all watches and requests share it; pings tell when its peer has fallen silent.

import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { CONNECT_TIMEOUT_MS, type HttpRequest, type HttpResponse } from './transport.ts'

export type PingPolicy = Readonly<{ intervalMs: number; timeoutMs: number }>

/** client-go pings after 30 s of silence and waits 15 s; we ask twice as often, because a proxy that hears late routes wrong. */
export const DEFAULT_PING: PingPolicy = { intervalMs: 15_000, timeoutMs: 10_000 }

/** We chose: large enough that a list of 10,000 services does not wait for window updates on a LAN. */
const STREAM_WINDOW_BYTES = 1 << 20
const SESSION_WINDOW_BYTES = 16 << 20

/** Go's servers allow 100 to 250 streams; more would wait inside the session behind watches that never end. */
const MOST_STREAMS = 100

/** The server had closed the session, or refused the stream unprocessed (RFC 9113 section 8.7): safe to send again. */
export class RefusedByPeer extends Error {}

export interface Http2Session {
  request(request: HttpRequest): Promise<HttpResponse>
  /** False once no new request may be sent: closed, cut, or told to go away. Running streams may still finish. */
  readonly usable: boolean
  /** How many more requests may be sent now without waiting for one to end. */
  readonly room: number
  /** Ends all streams. */
  destroy(): void
}

/** Resolves when the server has said how many streams it takes. Rejects when the connection ends before, or it takes none. */
export async function openHttp2Session(origin: URL, socket: TLSSocket, ping: PingPolicy): Promise<Http2Session> {
  const session = connect(origin, { createConnection: () => socket, settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false } })
  let usable = true
  let active = 0
  const stopUse = (): void => {
    usable = false
  }
  session.on('goaway', stopUse)
  session.on('close', stopUse)
  // Each stream reports the same failure to whoever waits on it.
  session.on('error', stopUse)
  keepAlive(session, ping)
  await settled(session)
  session.setLocalWindowSize(SESSION_WINDOW_BYTES)
  return {
    get usable() {
      return usable && !session.closed && !session.destroyed
    },
    get room() {
      return Math.min(session.remoteSettings.maxConcurrentStreams ?? MOST_STREAMS, MOST_STREAMS) - active
    },
    request: request => {
      active += 1
      return send(session, origin, request, () => (active -= 1))
    },
    destroy: () => session.destroy(),
  }
}

/** The first frame of a server is its SETTINGS (RFC 9113 section 3.4). */
function settled(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      clearTimeout(timer)
      session.destroy()
      reject(error ?? Object.assign(new Error('the connection ended before the HTTP/2 settings came'), { code: 'ECONNRESET' }))
    }
    const timer = setTimeout(() => fail(Object.assign(new Error(`no HTTP/2 settings within ${CONNECT_TIMEOUT_MS} ms`), { code: 'ETIMEDOUT' })), CONNECT_TIMEOUT_MS)
    session.once('error', fail)
    session.once('close', fail)
    session.once('remoteSettings', settings => {
      session.off('error', fail)
      session.off('close', fail)
      if (settings.maxConcurrentStreams === 0) return fail(new Error('the server takes no HTTP/2 streams'))
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Pings for as long as the session lives; destroys it when an answer stays away. */
function keepAlive(session: ClientHttp2Session, { intervalMs, timeoutMs }: PingPolicy): void {
  let deadline: NodeJS.Timeout | undefined
  const timer = setInterval(() => {
    if (session.destroyed || deadline !== undefined) return
    deadline = setTimeout(() => {
      session.destroy(Object.assign(new Error(`no answer to a ping within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
    }, timeoutMs)
    deadline.unref()
    session.ping(() => {
      clearTimeout(deadline)
      deadline = undefined
    })
  }, intervalMs)
  timer.unref()
  session.on('close', () => {
    clearInterval(timer)
    clearTimeout(deadline)
  })
}

function send(session: ClientHttp2Session, origin: URL, request: HttpRequest, onEnd: () => void): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { signal } = request
    if (signal.aborted) {
      onEnd()
      return reject(signal.reason)
    }
    let stream: ClientHttp2Stream
    try {
      stream = session.request(
        { ...request.headers, ':method': request.method, ':path': request.path, ':scheme': 'https', ':authority': origin.host },
        { endStream: request.body === undefined },
      )
    } catch (cause) {
      onEnd()
      return reject(new RefusedByPeer('the session was already closing', { cause }))
    }
    const abort = (): void => {
      stream.close(constants.NGHTTP2_CANCEL)
      stream.destroy(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    stream.on('close', () => {
      onEnd()
      signal.removeEventListener('abort', abort)
      // Settles the promise when the stream ended without a word; otherwise it is settled already.
      reject(unanswered(stream))
    })
    stream.on('error', error => {
      const code = (error as NodeJS.ErrnoException).code
      reject(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || code === 'ERR_HTTP2_GOAWAY_SESSION' ? new RefusedByPeer('refused unprocessed', { cause: error }) : error)
    })
    stream.on('response', headers => {
      const { ':status': status, ...rest } = headers
      watchForCut(stream)
      resolve({ status: status ?? 0, headers: rest as HttpResponse['headers'], body: stream })
    })
    if (request.body !== undefined) stream.end(request.body)
  })
}

const unanswered = (stream: ClientHttp2Stream): Error =>
  stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
    ? new RefusedByPeer('refused unprocessed')
    : Object.assign(new Error('the stream closed without an answer'), { code: 'ECONNRESET' })

/** Node ends a body quietly when the peer cancels it with NO_ERROR or CANCEL before END_STREAM: make that an error. */
function watchForCut(stream: ClientHttp2Stream): void {
  stream.on('aborted', () => {
    if (!stream.destroyed) stream.destroy(Object.assign(new Error('the stream was cut before its end'), { code: 'ECONNRESET' }))
  })
}
