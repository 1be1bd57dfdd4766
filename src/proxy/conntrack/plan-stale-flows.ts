// UDP has no end of connection: an entry in conntrack sends a client's datagrams to the same endpoint for as long as
// they keep coming, also when that endpoint is gone. Which entries are to be deleted so that the next datagram is
// balanced anew (kube-proxy's pkg/proxy/conntrack/cleanup.go).

import { formatAddress, type Address } from '../../net/ip/address.ts'
import { PROTOCOL_NUMBER } from '../../net/ip/port.ts'
import type { Flow } from '../../net/conntrack/flow.ts'
import type { ServiceEntry } from '../service-table/entry.ts'
import { identityOf } from '../tracker/endpoint.ts'
import type { Port } from '../../net/ip/port.ts'

type Identities = ReadonlySet<string>

/** Entries that concern conntrack: UDP ports that somebody serves. One without endpoints keeps its flows. */
export const isTrackedEntry = (entry: ServiceEntry): boolean => entry.port.protocol === 'UDP' && entry.serving.length > 0

/** `isNodeAddress`: a node port is only what is sent to this node, not what passes through it to the same port elsewhere. */
export function planStaleFlows(
  entries: Iterable<ServiceEntry>,
  flows: readonly Flow[],
  isNodeAddress: (address: Address) => boolean,
): readonly Flow[] {
  const byAddress = new Map<string, Identities>()
  const byNodePort = new Map<number, Identities>()
  for (const entry of entries) {
    if (!isTrackedEntry(entry)) continue
    const identities = new Set(entry.serving.map(endpoint => endpoint.identity))
    for (const frontend of entry.frontends) {
      if (frontend.kind === 'node-port') byNodePort.set(frontend.port, identities)
      else byAddress.set(identityOf(frontend.address, frontend.port), identities)
    }
  }
  if (byAddress.size === 0 && byNodePort.size === 0) return []
  return flows.filter(({ protocol, original, reply }) => {
    if (protocol !== PROTOCOL_NUMBER.UDP) return false
    const { address, port } = original.destination
    const allowed = byAddress.get(`${bracketed(address)}:${port}`) ?? (byNodePort.has(port) && isNodeAddress(address) ? byNodePort.get(port) : undefined)
    return allowed !== undefined && !allowed.has(identityOf(reply.source.address, reply.source.port as Port))
  })
}

const bracketed = (address: Address): string => (address.family === 6 ? `[${formatAddress(address)}]` : formatAddress(address))
