// Prints a result in the shape of the version that the runtime speaks. What each version changed: CNI specification,
// "Changelog"; shapes checked against the upstream library's conversions (pkg/types).

import { formatAddress } from '../../../src/net/ip/address.ts'
import { formatInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'
import { isAtLeast, type CniVersion } from '../version.ts'
import { isEmptyDns, type CniDns, type CniInterface, type CniIp, type CniResult, type CniRoute } from './result.ts'

/** The JSON value to print for `version`. Throws when 0.1.0 or 0.2.0 cannot express it. */
export function resultFor(result: CniResult, version: CniVersion): Record<string, unknown> {
  if (!isAtLeast(version, '0.3.0')) return oldResult(result, version)
  const current = isAtLeast(version, '1.0.0')
  return {
    cniVersion: version,
    ...list('interfaces', result.interfaces.map(each => formatInterface(each, current))),
    ...list('ips', result.ips.map(each => formatIp(each, current))),
    ...list('routes', result.routes.map(formatRoute)),
    ...(current && isEmptyDns(result.dns) ? {} : { dns: formatDns(result.dns) }),
    ...result.foreign,
  }
}

/** As it stands in a file or in a request to a later plugin. */
export const formatResult = (result: CniResult, version: CniVersion): string => JSON.stringify(resultFor(result, version))

function oldResult(result: CniResult, version: CniVersion): Record<string, unknown> {
  const family = (number: 4 | 6): Record<string, unknown> | undefined => {
    const ip = result.ips.find(each => each.address.address.family === number)
    if (ip === undefined) return undefined
    const routes = result.routes.filter(route => route.dst.address.family === number)
    return {
      ip: formatInterfaceAddress(ip.address),
      ...(ip.gateway !== undefined && { gateway: formatAddress(ip.gateway) }),
      ...list('routes', routes.map(route => ({ dst: formatInterfaceAddress(route.dst), ...(route.gw !== undefined && { gw: formatAddress(route.gw) }) }))),
    }
  }
  const ip4 = family(4)
  const ip6 = family(6)
  if (ip4 === undefined && ip6 === undefined) throw new CniError('CNI_INCOMPATIBLE_VERSION', `a result without addresses cannot be expressed in version ${version}`)
  return { cniVersion: version, ...(ip4 && { ip4 }), ...(ip6 && { ip6 }), dns: formatDns(result.dns) }
}

/** Before 1.0.0 an interface was name, mac and sandbox only. */
const formatInterface = (each: CniInterface, current: boolean): Record<string, unknown> => ({
  name: each.name,
  ...(each.mac !== undefined && { mac: each.mac }),
  ...(current && each.mtu !== undefined && { mtu: each.mtu }),
  ...(each.sandbox !== undefined && { sandbox: each.sandbox }),
  ...(current ? each.foreign : {}),
})

const formatIp = (ip: CniIp, current: boolean): Record<string, unknown> => ({
  ...(!current && { version: String(ip.address.address.family) }),
  ...(ip.interface !== undefined && { interface: ip.interface }),
  address: formatInterfaceAddress(ip.address),
  ...(ip.gateway !== undefined && { gateway: formatAddress(ip.gateway) }),
  ...ip.foreign,
})

const formatRoute = ({ dst, gw, foreign, ...rest }: CniRoute): Record<string, unknown> => ({
  dst: formatInterfaceAddress(dst),
  ...(gw !== undefined && { gw: formatAddress(gw) }),
  ...rest,
  ...foreign,
})

const formatDns = (dns: CniDns): Record<string, unknown> => ({
  ...list('nameservers', dns.nameservers ?? []),
  ...(dns.domain ? { domain: dns.domain } : {}),
  ...list('search', dns.search ?? []),
  ...list('options', dns.options ?? []),
})

const list = (key: string, values: readonly unknown[]): Record<string, unknown> => (values.length === 0 ? {} : { [key]: values })
