// Host ports that a pod asks for: runtimeConfig.portMappings and the keys of the portmap plugin.

import { parseAddress, type Address, type Family } from '../../../src/net/ip/address.ts'
import { PROTOCOLS, type Port, type Protocol } from '../../../src/net/ip/port.ts'
import { CniError } from '../cni-error.ts'
import type { Fields } from '../request/fields.ts'
import { conditionDialect, readConditions, type Condition } from './conditions.ts'

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
  /** Under which the ports count at all; an empty list: always. */
  conditions: Readonly<Record<Family, readonly Condition[]>>
}>

export function readPortOptions(config: Fields): PortOptions {
  checkBackend(config)
  return {
    mappings: (config.object('runtimeConfig')?.objects('portMappings') ?? []).map(readMapping),
    snat: config.boolean('snat') ?? true,
    masqueradeAll: config.boolean('masqAll') ?? false,
    conditions: {
      4: readConditions(config.strings('conditionsV4'), { field: config.name('conditionsV4'), family: 4 }),
      6: readConditions(config.strings('conditionsV6'), { field: config.name('conditionsV6'), family: 6 }),
    },
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

/** Keys that only say how the upstream plugin is to write its rules: what they exclude is refused, and what we cannot do. */
function checkBackend(config: Fields): void {
  const backend = config.string('backend')
  if (backend !== undefined && backend !== 'iptables' && backend !== 'nftables') {
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', `backend: ${JSON.stringify(backend)} is neither "iptables" nor "nftables"`)
  }
  const dialects = ['conditionsV4', 'conditionsV6'].map(key => ({ key, words: config.strings(key), dialect: conditionDialect(config.strings(key)) })).filter(each => each.dialect !== undefined)
  const other = dialects.find(({ dialect }) => dialect !== (backend ?? dialects[0]!.dialect))
  if (other !== undefined) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `${other.key}: ${JSON.stringify(other.words[0])} is no ${backend ?? dialects[0]!.dialect} condition`)
  const chain = config.string('externalSetMarkChain')
  if (chain !== undefined && chain !== '') {
    if (config.integer('markMasqBit') !== undefined) throw new CniError('CNI_INVALID_NETWORK_CONFIG', 'externalSetMarkChain and markMasqBit exclude each other')
    throw new CniError('CNI_UNSUPPORTED_FIELD', `externalSetMarkChain: ${JSON.stringify(chain)} is not supported: masquerading needs no mark here`)
  }
  const bit = config.integer('markMasqBit')
  if (bit !== undefined && (bit < 0 || bit > 31)) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `markMasqBit: ${bit} is not between 0 and 31`)
}

const rejected = (field: string, value: unknown, problem: string): CniError => new CniError('CNI_HOST_PORT_REJECTED', `${field}: ${JSON.stringify(value)} ${problem}`)
