// The JSON of an etcd lease: flannel's members in flannel's order, and Weft's own behind them, which flannel ignores.

import { formatAddress, tryParseAddress, type Address, type Family } from '../../../net/ip/address.ts'
import { InputError } from '../../../ops/errors.ts'
import { parseGoObject, type GoObject } from '../../config/go-json.ts'
import type { LeaseAttributes } from '../lease.ts'
import { perFamily } from '../per-family.ts'

export type LeaseValue = Readonly<{
  attributes: LeaseAttributes
  /** Which machine wrote it; undefined when flannel did. */
  nodeId: string | undefined
  /** PublicIP 0.0.0.0: a hole that nobody may take. */
  hole: boolean
}>

export function formatLeaseValue(attributes: LeaseAttributes, nodeId: string): string {
  const { publicIps, backendType, backendData, podMtu } = attributes
  return JSON.stringify({
    PublicIP: publicIps[4] === undefined ? '0.0.0.0' : formatAddress(publicIps[4]),
    // Always there, unlike the rest: flannel writes null.
    PublicIPv6: publicIps[6] === undefined ? null : formatAddress(publicIps[6]),
    ...(backendType !== '' && { BackendType: backendType }),
    ...(backendData[4] !== undefined && { BackendData: backendData[4] }),
    ...(backendData[6] !== undefined && { BackendV6Data: backendData[6] }),
    WeftNodeID: nodeId,
    ...(podMtu !== undefined && { WeftMTU: podMtu }),
  })
}

/** Throws InputError that names what is wrong. */
export function parseLeaseValue(text: string, field: string): LeaseValue {
  const object = parseGoObject(text, field)
  const v4 = address(object, { member: 'PublicIP', family: 4 })
  const v6 = address(object, { member: 'PublicIPv6', family: 6 })
  return {
    attributes: {
      publicIps: perFamily(family => given(family === 4 ? v4 : v6)),
      backendType: object.string('BackendType') ?? '',
      backendData: perFamily(family => object.get(family === 4 ? 'BackendData' : 'BackendV6Data')),
      ...podMtu(object),
    },
    nodeId: object.string('WeftNodeID'),
    hole: v4?.bits === 0n && given(v6) === undefined,
  }
}

const given = (value: Address | undefined): Address | undefined => (value?.bits === 0n ? undefined : value)

function address(object: GoObject, { member, family }: Readonly<{ member: string; family: Family }>): Address | undefined {
  const text = object.string(member)
  if (text === undefined || text === '') return undefined
  const parsed = tryParseAddress(text)
  if (parsed === undefined || parsed.family !== family) throw new InputError(member, text, `is not an IPv${family} address`)
  return parsed
}

function podMtu(object: GoObject): Pick<LeaseAttributes, 'podMtu'> {
  const value = object.get('WeftMTU')
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? { podMtu: value } : {}
}
