// `kubectl get` of volumes and storage.k8s.io.

import type { PersistentVolume } from 'kubernetes-types/core/v1.d.ts'
import type { CSIDriver, CSINode, StorageClass, VolumeAttachment } from 'kubernetes-types/storage/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { ageOf, layout, nameOf, UNSET } from './cells.ts'
import { formatAccessModes } from './core.ts'

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class'

export const VOLUME_TABLE = layout<PersistentVolume & { spec?: { volumeAttributesClassName?: string } }>({
  own: ['Capacity', 'Access Modes', 'Reclaim Policy', 'Status', 'Claim', 'StorageClass', 'VolumeAttributesClass', 'Reason'],
  wide: ['VolumeMode'],
  cells: ({ metadata, spec, status }) => [
    spec?.capacity?.['storage'] ?? '', formatAccessModes(spec?.accessModes), spec?.persistentVolumeReclaimPolicy ?? '',
    metadata.deletionTimestamp === undefined ? status?.phase ?? '' : 'Terminating',
    spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    spec?.storageClassName ?? '', spec?.volumeAttributesClassName ?? UNSET, status?.reason ?? '',
  ],
  wideCells: ({ spec }) => [spec?.volumeMode ?? UNSET],
})

const classTable = layout<StorageClass>({
  own: ['Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion'],
  cells: ({ provisioner = '', reclaimPolicy = 'Delete', volumeBindingMode = UNSET, allowVolumeExpansion = false }) =>
    [provisioner, reclaimPolicy, volumeBindingMode, String(allowVolumeExpansion)],
})

export const STORAGE_CLASS_TABLE: TableLayout = {
  ...classTable,
  row: (object, nowMs) => {
    const row = classTable.row(object, nowMs)
    return object.metadata.annotations?.[DEFAULT_CLASS] === 'true' ? { ...row, cells: [`${nameOf(object)} (default)`, ...row.cells.slice(1)] } : row
  },
}

export const VOLUME_ATTRIBUTES_CLASS_TABLE = layout<{ driverName?: string }>({ own: ['DriverName'], cells: ({ driverName = '' }) => [driverName] })

export const CSI_DRIVER_TABLE = layout<CSIDriver>({
  own: ['AttachRequired(b)', 'PodInfoOnMount(b)', 'StorageCapacity(b)', 'TokenRequests', 'RequiresRepublish(b)', 'Modes'],
  cells: ({ spec }) => [
    spec?.attachRequired ?? true, spec?.podInfoOnMount ?? false, spec?.storageCapacity ?? false,
    (spec?.tokenRequests ?? []).map(({ audience }) => audience).join(',') || UNSET, spec?.requiresRepublish ?? false, (spec?.volumeLifecycleModes ?? []).join(','),
  ],
})

export const CSI_NODE_TABLE = layout<CSINode>({ own: ['Drivers(i)'], cells: ({ spec }) => [spec?.drivers?.length ?? 0] })

export const VOLUME_ATTACHMENT_TABLE: TableLayout = {
  columns: columns('Name', 'Attacher', 'PV', 'Node', 'Attached(b)', 'Age').map(column => (column.name === 'Attacher' ? { ...column, format: 'name' } : column)),
  row: (object, nowMs) => {
    const { spec, status } = object as unknown as VolumeAttachment
    return { cells: [nameOf(object), spec?.attacher ?? '', spec?.source?.persistentVolumeName ?? '', spec?.nodeName ?? '', status?.attached ?? false, ageOf(object, nowMs)] }
  },
}
