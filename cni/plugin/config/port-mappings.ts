// Host ports that a pod asks for: runtimeConfig.portMappings and the keys of the portmap plugin.

import { parseAddress, type Address } from '../../../src/net/ip/address.ts'
import { PROTOCOLS, type Port, type Protocol } from '../../../src/net/ip/port.ts'
import { CniError } from '../cni-error.ts'
import type { Fields } from '../request/fields.ts'

export type PortMapping = Readonly<{
  protocol: Protocol
  hostPort: Port
  containerPort: Port
  /** Absent: any address of either family. Unspecified (0.0.0.0, ::): any address of that family. */
  hostIp: Address | undefined
}>

export type PortOptions = Readonly<{
  mappings: readonly PortMapping[]
  /** Masquerade what comes from the host's loopback and from the pod's own subnet. */
  snat: boolean
  /** Masquerade every source. */
  masqueradeAll: boolean
}>

export function readPortOptions(config: Fields): PortOptions {
  refuseUnsupported(config)
  return {
    mappings: (config.object('runtimeConfig')?.objects('portMappings') ?? []).map(readMapping),
    snat: config.boolean('snat') ?? true,
    masqueradeAll: config.boolean('masqAll') ?? false,
  }
}

function readMapping(fields: Fields): PortMapping {
  const text = fields.string('protocol') || 'tcp'
  const protocol = PROTOCOLS.find(each => each === text.toUpperCase())
  if (protocol === undefined) throw rejected(fields.name('protocol'), text, 'is not tcp, udp or sctp')
  const hostIp = fields.string('hostIP')
  return {
    protocol,
    hostPort: readPort(fields, 'hostPort'),
    containerPort: readPort(fields, 'containerPort'),
    hostIp: hostIp === undefined || hostIp === '' ? undefined : parseAddress(hostIp, fields.name('hostIP')),
  }
}

function readPort(fields: Fields, key: string): Port {
  const value = fields.integer(key) ?? 0
  if (value < 1 || value > 65_535) throw rejected(fields.name(key), value, 'is not between 1 and 65535')
  return value as Port
}

/** Rule fragments of one packet-filter program, and marks of chains that Weft does not have. */
function refuseUnsupported(config: Fields): void {
  for (const key of ['conditionsV4', 'conditionsV6']) {
    const first = config.strings(key)[0]
    if (first === undefined) continue
    const backend = config.string('backend')
    const kind = /^[-!]/.test(first) ? 'iptables' : 'nftables'
    if (backend !== undefined && backend !== kind) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `${key}: ${JSON.stringify(first)} is no ${backend} condition`)
    throw new CniError('CNI_UNSUPPORTED_FIELD', `${config.name(key)}: ${JSON.stringify(first)}: conditions are not supported`)
  }
  const chain = config.string('externalSetMarkChain')
  if (chain !== undefined && chain !== '') {
    if (config.integer('markMasqBit') !== undefined) throw new CniError('CNI_INVALID_NETWORK_CONFIG', 'externalSetMarkChain and markMasqBit exclude each other')
    throw new CniError('CNI_UNSUPPORTED_FIELD', `externalSetMarkChain: ${JSON.stringify(chain)} is not supported: masquerading needs no mark here`)
  }
  const bit = config.integer('markMasqBit')
  if (bit !== undefined && (bit < 0 || bit > 31)) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `markMasqBit: ${bit} is not between 0 and 31`)
  const backend = config.string('backend')
  if (backend !== undefined && backend !== 'iptables' && backend !== 'nftables') {
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', `backend: ${JSON.stringify(backend)} is neither "iptables" nor "nftables"`)
  }
}

const rejected = (field: string, value: unknown, problem: string): CniError => new CniError('CNI_HOST_PORT_REJECTED', `${field}: ${JSON.stringify(value)} ${problem}`)
