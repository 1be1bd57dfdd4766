// `kubectl get` of the small core kinds.

import type { ConfigMap, Endpoints, Namespace, PersistentVolumeClaim, Secret } from 'kubernetes-types/core/v1.d.ts'
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts'
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { formatFirst, layout, NONE, UNSET } from './cells.ts'

const SHOWN = 3

export const NAMESPACE_TABLE = layout<Namespace>({ own: ['Status'], cells: ({ status }) => [status?.phase ?? ''] })

export const CONFIG_MAP_TABLE = layout<ConfigMap>({
  own: ['Data'], cells: ({ data = {}, binaryData = {} }) => [Object.keys(data).length + Object.keys(binaryData).length],
})

/** Upstream declares Data a string here, though the cell is a number. */
export const SECRET_TABLE = layout<Secret>({ own: ['Type', 'Data'], cells: ({ type = '', data = {} }) => [type, Object.keys(data).length] })

export const NAME_AND_AGE_TABLE = layout({ own: [], cells: () => [] })

export const LEASE_TABLE = layout<Lease>({ own: ['Holder'], cells: ({ spec }) => [spec?.holderIdentity ?? ''] })

export const ENDPOINTS_TABLE = layout<Endpoints>({
  own: ['Endpoints'],
  cells: ({ subsets = [] }) => [subsets.length === 0 ? NONE : formatFirst(subsets.flatMap(({ ports = [], addresses = [] }) =>
    ports.length === 0 ? addresses.map(({ ip = '' }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip = '' }) => formatHostPort(ip, port)))), SHOWN, '')],
})

export const ENDPOINT_SLICE_TABLE = layout<EndpointSlice>({
  own: ['AddressType', 'Ports', 'Endpoints'],
  cells: ({ addressType = '', ports, endpoints }) => [
    addressType,
    formatFirst((ports ?? []).map(({ name, port }) => (port === undefined ? '*' : port === 0 ? name ?? '' : String(port))), SHOWN, UNSET),
    formatFirst((endpoints ?? []).flatMap(({ addresses = [] }) => addresses), SHOWN, UNSET),
  ],
})

export const POD_DISRUPTION_BUDGET_TABLE = layout<PodDisruptionBudget>({
  own: ['Min Available', 'Max Unavailable', 'Allowed Disruptions(i)'],
  cells: ({ spec, status }) => [String(spec?.minAvailable ?? 'N/A'), String(spec?.maxUnavailable ?? 'N/A'), status?.disruptionsAllowed ?? 0],
})

/** "RWO,ROX". */
export const formatAccessModes = (modes: readonly string[] = []): string => modes.map(mode => ACCESS_MODES[mode] ?? mode).join(',')

const ACCESS_MODES: Readonly<Record<string, string>> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' }

export const CLAIM_TABLE = layout<PersistentVolumeClaim & { spec?: { volumeAttributesClassName?: string } }>({
  own: ['Status', 'Volume', 'Capacity', 'Access Modes', 'StorageClass', 'VolumeAttributesClass'],
  wide: ['VolumeMode'],
  cells: ({ metadata, spec, status }) => {
    const bound = (spec?.volumeName ?? '') !== ''
    return [
      metadata.deletionTimestamp === undefined ? status?.phase ?? '' : 'Terminating', spec?.volumeName ?? '',
      bound ? status?.capacity?.['storage'] ?? '' : '', bound ? formatAccessModes(status?.accessModes) : '',
      spec?.storageClassName ?? '', spec?.volumeAttributesClassName ?? UNSET,
    ]
  },
  wideCells: ({ spec }) => [spec?.volumeMode ?? UNSET],
})

