// The watch stream: one JSON object per line (API server specification 4.5), over a wire that may be cut anywhere.

import type { Readable } from 'node:stream'

const NEWLINE = 0x0a

/**
 * Yields the complete lines of a stream. What follows the last newline when the stream ends is
 * the start of a line that was cut, and is dropped: the next watch delivers it whole.
 */
export async function* lines(stream: Readable): AsyncGenerator<string, void, undefined> {
  let rest: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end)
      const line = rest.length === 0 ? tail.toString('utf8') : Buffer.concat([...rest, tail]).toString('utf8')
      rest = []
      start = end + 1
      if (line !== '') yield line
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
}
