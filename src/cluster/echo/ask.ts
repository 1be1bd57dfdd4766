// The client of the echo server.

import { request } from 'node:http'
import { isIP } from 'node:net'
import { inNetns } from '../../net/netns/in-netns.ts'
import { WeftError } from '../../ops/errors.ts'

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
    return readEchoAnswer(await get(new URL(url), options.netns, signal))
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

const get = (url: URL, netns: string | undefined, signal: AbortSignal): Promise<string> =>
  new Promise((resolve, reject) => {
    const where = netns === undefined ? {} : { hostname: 'asked-from-netns', lookup: lookupIn(netns, url.hostname.replace(/^\[|\]$/g, '')), autoSelectFamily: false }
    const call = request(url, { ...where, agent: false, signal }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => resolve(text))
      response.once('error', reject)
    })
    call.once('error', reject)
    call.end()
  })

/**
 * Node makes a client's socket right when its look-up answers, and a socket belongs to the namespace where it was made.
 * So a look-up that answers from inside the namespace decides where the connection begins.
 */
const lookupIn = (netns: string, address: string) =>
  (_host: string, _options: unknown, callback: (error: null, address: string, family: number) => void): void =>
    inNetns(netns, () => callback(null, address, isIP(address)))
