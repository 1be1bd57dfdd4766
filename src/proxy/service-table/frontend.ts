// The addresses under which a service port is reached.

import { flatText } from '../../ops/flat-text.ts'
import { formatAddress, type Address } from '../../net/ip/address.ts'
import type { Port, Protocol } from '../../net/ip/port.ts'
import type { ServicePort } from '../tracker/service-port.ts'

export type Frontend =
  | Readonly<{ kind: 'cluster-ip' | 'external-ip' | 'load-balancer'; protocol: Protocol; address: Address; port: Port }>
  /** On every address of the node that takes node ports. */
  | Readonly<{ kind: 'node-port'; protocol: Protocol; port: Port }>

export type FrontendKey = string & { readonly __brand: 'FrontendKey' }

export const frontendKeyOf = (frontend: Frontend): FrontendKey =>
  (frontend.kind === 'node-port'
    ? flatText(frontend.protocol, ' *:', frontend.port)
    : flatText(frontend.protocol, ' ', formatAddress(frontend.address), ':', frontend.port)) as FrontendKey

/** All frontends a service port asks for. An address named twice counts once, as what it is named first. */
export function frontendsOf(service: ServicePort): readonly Frontend[] {
  const { protocol, port } = service
  const at = (kind: 'cluster-ip' | 'external-ip' | 'load-balancer', address: Address): Frontend => ({ kind, protocol, address, port })
  const all: Frontend[] = [
    at('cluster-ip', service.clusterIp),
    ...service.externalIps.map(address => at('external-ip', address)),
    ...service.loadBalancerVips.map(address => at('load-balancer', address)),
  ]
  if (service.nodePort !== undefined) all.push({ kind: 'node-port', protocol, port: service.nodePort })
  if (all.length === 1) return all
  const keys = new Set<FrontendKey>()
  return all.filter(frontend => {
    const key = frontendKeyOf(frontend)
    return !keys.has(key) && keys.add(key)
  })
}
