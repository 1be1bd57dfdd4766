// From configuration and Node to the way in which traffic of this node's pods is recognised, per family.

import { WeftError } from '../ops/errors.ts'
import type { Family } from '../net/ip/address.ts'
import type { Prefix } from '../net/ip/prefix.ts'
import type { ProxyConfig } from './config/proxy-config.ts'
import type { LocalDetector } from './local-traffic.ts'

export type PodCidrs = Readonly<Partial<Record<Family, Prefix>>>

/** Throws PROXY_NO_LOCAL_DETECTOR where kube-proxy refuses to start: single stack with prefixes of the other family. */
export function localDetectors(config: ProxyConfig, podCidrs: PodCidrs, families: readonly Family[]): Readonly<Record<Family, LocalDetector>> {
  const bySource = (prefixes: PodCidrs, field: string): Readonly<Record<Family, LocalDetector>> => {
    const given = Object.keys(prefixes).map(Number)
    if (given.length > 0 && !families.some(family => given.includes(family))) {
      throw new WeftError('PROXY_NO_LOCAL_DETECTOR', `${field} holds no prefix of IPv${families.join(' or IPv')}, which this node uses; add one`, { field, families })
    }
    const of = (family: Family): LocalDetector => (prefixes[family] === undefined ? { kind: 'none' } : { kind: 'source', prefix: prefixes[family] })
    return { 4: of(4), 6: of(6) }
  }
  const both = (detector: LocalDetector): Readonly<Record<Family, LocalDetector>> => ({ 4: detector, 6: detector })
  switch (config.detectLocalMode) {
    case 'ClusterCIDR': return bySource(config.clusterCidrs, 'clusterCIDR')
    case 'NodeCIDR': return bySource(podCidrs, 'spec.podCIDRs')
    case 'BridgeInterface': return both({ kind: 'interface', name: config.bridgeInterface })
    case 'InterfaceNamePrefix': return both({ kind: 'interface-prefix', prefix: config.interfaceNamePrefix })
    default: return config.detectLocalMode satisfies never
  }
}
