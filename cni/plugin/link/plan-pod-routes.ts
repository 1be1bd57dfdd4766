// A pod's routes: those that ADD prints and those that go into the kernel.

import { parseAddress, sameAddress, type Address, type Family } from '../../../src/net/ip/address.ts'
import { formatInterfaceAddress, prefixOf } from '../../../src/net/ip/prefix.ts'
import type { RouteSpec } from '../../../src/net/rtnetlink/route.ts'
import type { CniIp, CniRoute } from '../result/result.ts'

const UNSPECIFIED = { 4: parseAddress('0.0.0.0', 'default route'), 6: parseAddress('::', 'default route') } as const

/**
 * The routes of the result: IPAM's, with a default route per family behind them when asked for, unless IPAM
 * has one with a gateway already.
 */
export function planResultRoutes(options: Readonly<{ ips: readonly CniIp[]; routes: readonly CniRoute[]; isDefaultGateway: boolean }>): readonly CniRoute[] {
  const routes = [...options.routes]
  if (!options.isDefaultGateway) return routes
  for (const { address, gateway } of options.ips) {
    if (gateway === undefined) continue
    const { family } = address.address
    const stands = routes.some(route => isDefault(route) && route.dst.address.family === family && route.gw !== undefined)
    if (!stands) routes.push({ dst: { address: UNSPECIFIED[family], prefixLength: 0 }, gw: gateway })
  }
  return routes
}

/** What to install on the pod's link. A route without gateway goes through the first address's of its family. */
export function planPodRoutes(options: Readonly<{ routes: readonly CniRoute[]; ips: readonly CniIp[]; linkIndex: number }>): readonly RouteSpec[] {
  const planned = new Map<string, RouteSpec>()
  for (const route of options.routes) {
    const { address, prefixLength } = route.dst
    const gateway = route.scope === RT_SCOPE_LINK ? undefined : (route.gw ?? gatewayOf(options.ips, address.family))
    const key = `${formatInterfaceAddress({ address, prefixLength })} ${route.table ?? 0} ${route.priority ?? 0}`
    if (planned.has(key)) continue // the kernel would answer EEXIST
    planned.set(key, {
      destination: prefixOf(address, prefixLength),
      linkIndex: options.linkIndex,
      ...(gateway !== undefined && { gateway, onLink: !isOnSubnet(gateway, options.ips) }),
      ...(route.table !== undefined && { table: route.table }),
      ...(route.priority !== undefined && { metric: route.priority }),
      ...(route.scope !== undefined && { scope: route.scope }),
      ...(route.mtu !== undefined && { mtu: route.mtu }),
      ...(route.advmss !== undefined && { advertisedMss: route.advmss }),
    })
  }
  return [...planned.values()]
}

const RT_SCOPE_LINK = 253

export const gatewayOf = (ips: readonly CniIp[], family: Family): Address | undefined =>
  ips.find(ip => ip.address.address.family === family && ip.gateway !== undefined)?.gateway

const isDefault = (route: CniRoute): boolean => route.dst.prefixLength === 0 && sameAddress(route.dst.address, UNSPECIFIED[route.dst.address.family])

/** A gateway that no address of the pod reaches directly (host-local allows one outside the subnet). */
const isOnSubnet = (gateway: Address, ips: readonly CniIp[]): boolean =>
  ips.some(({ address }) => address.address.family === gateway.family && prefixOf(gateway, address.prefixLength).network === prefixOf(address.address, address.prefixLength).network)
