// What a host sees of the others: the API server, the nodes that it names, and the daemons of this host.

import { request } from 'node:https'
import { get } from 'node:http'
import { connect } from 'node:net'
import type { Node } from 'kubernetes-types/core/v1.js'
import { openApiClient } from '../../client/api-client.ts'
import { loadKubeconfig } from '../../client/kubeconfig/load.ts'
import { NODES } from '../../client/resources.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { silentLog } from '../../ops/log.ts'
import { commandOutput } from './gather.ts'
import type { ApiFacts, PeerFacts, UnitFacts } from './facts.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

const TIMEOUT_MS = 4_000
/** IPv4 header and ICMP header. */
const PING_OVERHEAD = 28
/** Any port tells whether a host answers; this one is open where the proxy runs. */
const PROXY_HEALTH_PORT = 10_256
/** A cluster of thousands is not asked host by host. */
const MOST_PEERS = 50

/** Reachability, health and clock. Anybody may ask for /readyz, so the server's certificate does not matter here. */
export function gatherApi(url: string, nowMs: () => number, { signal }: Cancel): Promise<ApiFacts> {
  return new Promise(resolve => {
    const fail = (problem: string): void => resolve({ url, problem, skewMs: undefined })
    const asking = request(new URL('/readyz', url), { rejectUnauthorized: false, signal, timeout: TIMEOUT_MS }, response => {
      response.resume()
      const date = Date.parse(response.headers.date ?? '')
      // The header has whole seconds.
      const skewMs = Number.isNaN(date) ? undefined : date + 500 - nowMs()
      resolve({ url, problem: response.statusCode === 200 ? undefined : `it answers ${response.statusCode} to /readyz`, skewMs })
    })
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    asking.on('error', error => fail(error.message))
    asking.end()
  })
}

/** The other nodes by what the API server says of them, each tried. Undefined credentials or no answer: none. */
export async function gatherPeers(options: Readonly<{ kubeconfig: string; ownName: string; mtu: number | undefined }> & Cancel): Promise<readonly PeerFacts[]> {
  const { kubeconfig, ownName, mtu, signal } = options
  let nodes: readonly Node[]
  try {
    await using client = openApiClient({ config: await loadKubeconfig({ path: kubeconfig }), userAgent: 'weft-doctor', log: silentLog() })
    nodes = (await client.list(NODES, { signal, limit: MOST_PEERS, timeoutMs: TIMEOUT_MS })).items
  } catch {
    // Said by the check of the API server, with what it answered.
    return []
  }
  return Promise.all(nodes.flatMap(node => {
    const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
    return address === undefined ? [] : [peerOf(node, address, { ownName, mtu, signal })]
  }))
}

async function peerOf({ metadata, status }: Node, address: string, { ownName, mtu, signal }: Readonly<{ ownName: string; mtu: number | undefined }> & Cancel): Promise<PeerFacts> {
  const known = { name: metadata?.name ?? '', address, machineId: status?.nodeInfo?.machineID ?? '' }
  if (known.name === ownName) return { ...known, reachable: undefined, fullPackets: undefined }
  const reachable = await answers(address)
  const pinged = reachable && mtu !== undefined && !address.includes(':')
    ? await commandOutput('ping', ['-c', '2', '-W', '1', '-q', '-M', 'do', '-s', String(mtu - PING_OVERHEAD), address], { signal }) : undefined
  // Without an answer to small pings either, ICMP is filtered, and nothing is known of long ones.
  const small = pinged === undefined && reachable ? await commandOutput('ping', ['-c', '1', '-W', '1', '-q', address], { signal }) : undefined
  return { ...known, reachable, fullPackets: pinged !== undefined ? true : small !== undefined && mtu !== undefined ? false : undefined }
}

/** A connection, or its refusal, comes from a host that is there. */
function answers(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port: PROXY_HEALTH_PORT, timeout: TIMEOUT_MS })
    const settle = (is: boolean): void => {
      socket.destroy()
      resolve(is)
    }
    socket.on('connect', () => settle(true)).on('timeout', () => settle(false)).on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'))
  })
}

export async function gatherUnits(names: readonly string[], cancel: Cancel): Promise<readonly UnitFacts[]> {
  return Promise.all(names.map(async name => {
    const said = await commandOutput('systemctl', ['show', '--property=ActiveState', '--value', `${name}.service`], cancel)
    return { name, state: said?.trim() || 'unknown' }
  }))
}

/** Asks each endpoint; anything but 200 is its problem. */
export function gatherHealth(endpoints: readonly Readonly<{ name: string; port: number }>[], { signal }: Cancel): Promise<readonly Readonly<{ name: string; problem: string | undefined }>[]> {
  return Promise.all(endpoints.map(({ name, port }) => new Promise<Readonly<{ name: string; problem: string | undefined }>>(resolve => {
    const asking = get(`http://${formatHostPort('127.0.0.1', port)}/healthz`, { signal, timeout: TIMEOUT_MS }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body = (body + text).slice(0, 300)))
      response.on('end', () => resolve({ name, problem: response.statusCode === 200 ? undefined : `/healthz answers ${response.statusCode}: ${body.trim()}` }))
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer')))
    asking.on('error', error => resolve({ name, problem: `/healthz: ${error.message}` }))
  })))
}
