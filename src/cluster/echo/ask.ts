// The client of the echo server.

import { request } from 'node:http'
import { WeftError } from '../../ops/errors.ts'

/** What an answer says. */
export type EchoAnswer = Readonly<{ pod: string; host: string; client: string }>

/** Asks over HTTP, each time on a connection of its own, so that a Service chooses anew. Throws ECHO_FAILED. */
export async function ask(url: string, options: Readonly<{ timeoutMs: number; signal: AbortSignal }>): Promise<EchoAnswer> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  try {
    return readEchoAnswer(await get(url, signal))
  } catch (cause) {
    options.signal.throwIfAborted()
    const problem = signal.aborted ? `no answer within ${options.timeoutMs / 1000} s` : (cause as Error).message
    throw new WeftError('ECHO_FAILED', `${url}: ${problem}`, { url }, { cause, retryable: true })
  }
}

/** Reads "pod=web-1 host=host-2 client=10.244.1.1:40312 protocol=HTTP". */
export function readEchoAnswer(text: string): EchoAnswer {
  const match = /^pod=(\S+) host=(\S+) client=(\S+) protocol=/.exec(text)
  if (match === null) throw new WeftError('ECHO_FAILED', `the answer is not an echo server's: ${JSON.stringify(text.slice(0, 100))}`)
  return { pod: match[1]!, host: match[2]!, client: match[3]! }
}

const get = (url: string, signal: AbortSignal): Promise<string> =>
  new Promise((resolve, reject) => {
    const call = request(url, { agent: false, signal }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => resolve(text))
      response.once('error', reject)
    })
    call.once('error', reject)
    call.end()
  })
