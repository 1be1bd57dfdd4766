// What the store keeps of allocations: one IPAddress object per cluster IP (networking.k8s.io/v1, KEP-1880) and one
// RangeAllocation for all node ports. Created together with the Service in one transaction: an IPAddress that is
// already there makes the transaction fail, which is how two servers over one store never give the same address.

import type { ApiObject } from '../../api/object.ts'
import { formatAddress, type Address } from '../../net/ip/address.ts'
import { formatPortRange, type PortAllocator } from './port-allocator.ts'
import { familyName } from './service-families.ts'

export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by'
export const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family'
export const MANAGED_BY = 'ipallocator.k8s.io'

/** Key of the node ports' record, below the store's root. */
export const NODE_PORTS_KEY = '/ranges/servicenodeports'

/** The name of an address's record: its canonical text. */
export const addressRecordName = (address: Address): string => formatAddress(address)

/** The record of an address, before `beginCreate` fills uid and times. */
export const addressRecord = (address: Address, service: Readonly<{ namespace: string; name: string }>): ApiObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  metadata: {
    name: addressRecordName(address),
    labels: { [FAMILY_LABEL]: familyName(address.family), [MANAGED_BY_LABEL]: MANAGED_BY },
  },
  spec: { parentRef: { group: '', resource: 'services', namespace: service.namespace, name: service.name } },
})

/** The value under NODE_PORTS_KEY. */
export const nodePortsRecord = (ports: PortAllocator): ApiObject => ({
  apiVersion: 'v1',
  kind: 'RangeAllocation',
  metadata: {},
  range: formatPortRange(ports.range),
  data: ports.encode(),
})
