// Opens the carrier of a backend that has one.

import type { Prefix } from '../../net/ip/prefix.ts'
import type { Logger } from '../../ops/log.ts'
import type { BackendConfig } from '../config/backend-config.ts'
import type { PerFamily } from '../leases/per-family.ts'
import type { Carrier } from './carrier.ts'
import { ExtensionCarrier } from './extension/extension-carrier.ts'
import { UdpTunnel } from './udp/udp-tunnel.ts'

export type CarrierRequest = Readonly<{ networks: PerFamily<Prefix>; subnets: PerFamily<Prefix>; log: Logger; onChange: () => void }>

/** Undefined for backends that are kernel state alone. */
export function openCarrier(config: BackendConfig, request: CarrierRequest): Carrier | undefined {
  switch (config.kind) {
    case 'udp': return new UdpTunnel({ port: config.port, subnet: request.subnets[4]!, log: request.log, onChange: request.onChange })
    case 'extension': return new ExtensionCarrier({ config, ...request })
    default: return undefined
  }
}
