// networking.k8s.io/v1 IPAddress and ServiceCIDR: the records of cluster IPs and of the ranges they come from (KEP-1880).

import { formatAddress, tryParseAddress } from '../../../net/ip/address.ts'
import { parseCidr, validateCidr, validateIp } from '../../metadata/validate-ip.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { forbidden, immutable, invalid, quote, required, tooMany } from '../../status/field-error.ts'
import { IP_ADDRESS_TABLE, SERVICE_CIDR_TABLE } from '../../tables/networking.ts'

type AddressObject = { spec?: { parentRef?: { resource?: string; name?: string } } }

export const ipAddressStrategy = (base: Strategy): Strategy => ({
  ...base,
  nameRule: name => {
    const address = tryParseAddress(name)
    const [problem] = validateIp('', name)
    if (address === undefined || problem !== undefined) return [problem!.body.replace(`Invalid value: ${quote(name)}: `, '')]
    return formatAddress(address) === name ? [] : [`must be in canonical form (${JSON.stringify(formatAddress(address))})`]
  },
  validateCreate: object => {
    const parent = (object as unknown as AddressObject).spec?.parentRef
    if (parent === undefined) return [required('spec.parentRef')]
    return [
      ...((parent.resource ?? '') === '' ? [required('spec.parentRef.resource')] : []),
      ...((parent.name ?? '') === '' ? [required('spec.parentRef.name')] : []),
    ]
  },
  update: { ...base.update, validate: (next, old) => (equalJson(next['spec'], old['spec']) ? [] : [immutable('spec.parentRef', (next as unknown as AddressObject).spec?.parentRef)]) },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  fieldLabels: ['spec.parentRef.resource', 'spec.parentRef.name'],
  selectableFields: object => {
    const parent = (object as unknown as AddressObject).spec?.parentRef
    return { 'spec.parentRef.resource': parent?.resource ?? '', 'spec.parentRef.name': parent?.name ?? '' }
  },
  table: IP_ADDRESS_TABLE,
})

const cidrsOf = (object: ApiObject): readonly string[] => (object as unknown as { spec?: { cidrs?: string[] } }).spec?.cidrs ?? []

export const serviceCidrStrategy = (base: Strategy): Strategy => ({
  ...base,
  validateCreate: object => {
    const cidrs = cidrsOf(object)
    if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
    if (cidrs.length > 2) return [tooMany('spec.cidrs', cidrs.length, 2)]
    const errors = cidrs.flatMap((text, index) => validateCidr(`spec.cidrs[${index}]`, text))
    const families = cidrs.map(text => parseCidr(text)?.address.family)
    if (families.length === 2 && families[0] === families[1]) {
      errors.push(invalid('spec.cidrs', cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'))
    }
    return errors
  },
  update: { ...base.update, validate: (next, old) => {
    const [now, before] = [cidrsOf(next), cidrsOf(old)]
    return before.every((text, index) => now[index] === text) ? [] : [forbidden('spec.cidrs', 'existing CIDRs may not be changed')]
  } },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  table: SERVICE_CIDR_TABLE,
})
