// Response bodies that may be large: in pieces, with back-pressure, compressed when that pays.

import { once } from 'node:events'
import { createGzip, constants } from 'node:zlib'
import { stringify as stringifyYaml } from 'yaml'
import type { Exchange } from './exchange.ts'
import type { Format } from './negotiate.ts'

/** kube-apiserver compresses bodies above this size (defaultGzipThresholdBytes). */
const GZIP_THRESHOLD_BYTES = 128 * 1024
/** We chose the fastest level: on the machine's own network the processor is what is scarce. */
const GZIP_LEVEL = 1

/** Sends a value in the negotiated format. */
export function sendValue(exchange: Exchange, code: number, format: Format, value: unknown): void {
  if (format === 'yaml') exchange.send(code, 'application/yaml', stringifyYaml(value))
  else exchange.sendJson(code, value)
}

/** Sends JSON pieces; the client gets them as it reads. A failure after the first piece cuts the connection. */
export async function sendPieces(exchange: Exchange, pieces: AsyncIterable<Buffer>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]()
  const head: Buffer[] = []
  let bytes = 0
  let done = false
  while (bytes <= GZIP_THRESHOLD_BYTES && !done) {
    const next = await iterator.next()
    if (next.done === true) done = true
    else {
      head.push(next.value)
      bytes += next.value.length
    }
  }
  if (done && bytes <= GZIP_THRESHOLD_BYTES) return exchange.send(200, 'application/json', Buffer.concat(head))
  const gzip = acceptsGzip(exchange) ? createGzip({ level: GZIP_LEVEL, flush: constants.Z_NO_FLUSH }) : undefined
  exchange.start(200, { 'content-type': 'application/json', ...(gzip === undefined ? {} : { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }) })
  if (exchange.method === 'HEAD') return void exchange.response.end()
  const sink = gzip ?? exchange.response
  gzip?.pipe(exchange.response)
  try {
    for (const piece of head) await write(sink, piece, exchange.signal)
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) break
      await write(sink, next.value, exchange.signal)
    }
    sink.end()
  } catch (error) {
    exchange.response.destroy()
    gzip?.destroy()
    if (!exchange.signal.aborted) throw error
  }
}

async function write(sink: NodeJS.WritableStream & NodeJS.EventEmitter, piece: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!sink.write(piece)) await once(sink, 'drain', { signal })
}

const acceptsGzip = (exchange: Exchange): boolean => /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(String(exchange.headers['accept-encoding'] ?? ''))
