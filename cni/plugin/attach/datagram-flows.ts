// Flows of protocols without a connection outlive the rules that made them: as long as packets come, conntrack sends them
// where the first one went. Those to a host port are cut when the port changes hands. TCP is left alone: its peers notice.

import { sameAddress } from '../../../src/net/ip/address.ts'
import { Conntrack } from '../../../src/net/conntrack/conntrack.ts'
import type { PortClaim } from '../attachment/attachment.ts'
import type { CniHost } from '../host/cni-host.ts'

/** Removes entries whose original destination is one of these host ports on an address of this host. */
export async function cutDatagramFlows(host: CniHost, claims: readonly PortClaim[], options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const datagrams = claims.filter(claim => claim.protocol !== 'TCP')
  if (datagrams.length === 0) return
  const local = (await host.network.rtnl.addresses.list(options)).map(each => each.address)
  await using conntrack = Conntrack.open()
  for (const group of Map.groupBy(datagrams, claim => `${claim.protocol} ${claim.target.family}`).values()) {
    const { protocol, target } = group[0]!
    for (const flow of await conntrack.list({ family: target.family, protocol }, options)) {
      const { destination } = flow.original
      const claimed = group.some(claim => claim.hostPort === destination.port && (claim.hostIp === undefined || claim.hostIp.bits === 0n || sameAddress(claim.hostIp, destination.address)))
      if (claimed && local.some(address => sameAddress(address, destination.address))) await conntrack.remove(flow, options)
    }
  }
}
