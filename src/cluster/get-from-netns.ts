// HTTP GET over a connection of its own that begins in another network namespace.

import { request } from 'node:http'
import { isIP } from 'node:net'
import { inNetns } from '../net/netns/in-netns.ts'

/** Resolves with the body, whatever the status. `netns` undefined: from our own namespace. */
export const getFrom = (netns: string | undefined, url: URL, { signal }: { signal: AbortSignal }): Promise<string> =>
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
