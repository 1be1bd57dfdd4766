// Kernel settings without which pods' packets are not forwarded or not seen by the rules.

import type { NetworkConfig } from '../config/network-config.ts'
import type { DesiredSysctl } from '../dataplane/desired.ts'

export function hostSysctls(config: NetworkConfig): readonly DesiredSysctl[] {
  const on = (name: string): DesiredSysctl => ({ name, value: '1', link: undefined })
  return [
    ...(config.pools[4] === undefined ? [] : [on('net/ipv4/ip_forward')]),
    ...(config.pools[6] === undefined ? [] : [on('net/ipv6/conf/all/forwarding')]),
    // Packets between pods of one bridge pass the rules only with br_netfilter; nftables' own bridge hooks need no such setting.
    ...(config.enableNftables || config.pools[4] === undefined ? [] : [on('net/bridge/bridge-nf-call-iptables')]),
    ...(config.enableNftables || config.pools[6] === undefined ? [] : [on('net/bridge/bridge-nf-call-ip6tables')]),
  ]
}
