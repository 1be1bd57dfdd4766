// The client of the echo server.

import { WeftError } from '../../ops/errors.ts'
import { getFrom } from '../get-from-netns.ts'

/** What an answer says. */
export type EchoAnswer = Readonly<{ pod: string; host: string; client: string }>

export type AskOptions = Readonly<{
  timeoutMs: number
  /** Path of the network namespace to ask from; absent: our own. */
  netns?: string | undefined
  signal: AbortSignal
}>

/** Asks `http://<address>:<port>/…`, each time on a connection of its own, so that a Service chooses anew. Throws ECHO_FAILED. */
export async function ask(url: string, options: AskOptions): Promise<EchoAnswer> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  try {
    return readEchoAnswer(await getFrom(options.netns, new URL(url), { signal }))
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
