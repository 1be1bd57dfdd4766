// The answer of /status: what the agent has, wants and misses, as JSON for people and for `weft status`. Pure.

import { formatAddress } from '../../net/ip/address.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { networksOf, type NetworkConfig } from '../config/network-config.ts'
import { formatSubnets, type Lease } from '../leases/lease.ts'
import { entriesOf } from '../leases/per-family.ts'
import { faultOf, lossOf, pathMtuOf, roundTripOf, type PeerPath } from '../mesh/peer-path.ts'
import type { NetworkState } from '../network/network-loop.ts'

export type StatusInput = Readonly<{
  config: NetworkConfig | undefined
  network: NetworkState | undefined
  reasons: readonly string[]
  /** How the stored configuration differs from the running one. */
  drift: readonly string[]
  /** What the mesh probe has found; empty when it is off. */
  paths: readonly PeerPath[]
  /** What the store does not know yet. */
  storeTrouble: string | undefined
}>

export function statusOf({ config, network, reasons, drift, paths, storeTrouble }: StatusInput): unknown {
  return {
    ready: reasons.length === 0,
    reasons,
    store: storeTrouble ?? 'current',
    configuration: drift.length === 0 ? 'current' : drift,
    ...(config !== undefined && { network: entriesOf(networksOf(config)).map(([, prefix]) => formatPrefix(prefix)), backend: config.backend.kind }),
    ...(network !== undefined && {
      interface: {
        link: network.underlay.link, ifindex: network.underlay.ifindex, mtu: network.underlay.mtu, why: network.underlay.why,
        local: entriesOf(network.underlay.addresses).map(([, address]) => formatAddress(address)),
        published: entriesOf(network.underlay.published).map(([, address]) => formatAddress(address)),
      },
      lease: leaseLine(network.own),
      peers: network.peers.map(peer => ({ ...leaseLine(peer), problem: problemOf(network, peer.owner), paths: paths.filter(path => path.owner === peer.owner).map(pathLine) })),
      conflicts: network.conflicts.map(({ kind, message }) => ({ kind, message })),
      overlaps: network.overlaps,
    }),
  }
}

const leaseLine = ({ owner, subnets, attributes }: Lease) => ({
  owner,
  subnets: formatSubnets(subnets),
  publicIps: entriesOf(attributes.publicIps).map(([, address]) => formatAddress(address)),
  backend: attributes.backendType,
})

const pathLine = (path: PeerPath) => ({
  family: path.family,
  hostMs: roundTripOf(path, 'host') ?? null,
  hostLoss: lossOf(path, 'host') ?? null,
  tunnelMs: roundTripOf(path, 'tunnel') ?? null,
  tunnelLoss: lossOf(path, 'tunnel') ?? null,
  pathMtu: pathMtuOf(path) ?? null,
  wantedMtu: path.wantedBytes,
  fault: faultOf(path) ?? null,
})

/** Why a peer cannot be reached: the plan's reason, or the step of its that failed. */
const problemOf = (network: NetworkState, owner: string): string | null =>
  network.problems.find(problem => problem.owner === owner)?.message ?? network.failed.find(({ step }) => step.peer === owner)?.error.message ?? null
