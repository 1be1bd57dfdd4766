// `kubectl get` of the remaining kinds that are stored as they come.

import type { ComponentStatus, PodTemplate, ResourceQuota } from 'kubernetes-types/core/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { ageOf, containerCells, formatLabels, layout, nameOf, NONE, UNSET } from './cells.ts'

export const POD_TEMPLATE_TABLE: TableLayout = {
  columns: columns('Name', 'Containers', 'Images', 'Pod Labels'),
  row: object => {
    const { template } = object as unknown as PodTemplate
    return { cells: [nameOf(object), ...containerCells(template), formatLabels(template?.metadata?.labels)] }
  },
}

export const COMPONENT_TABLE: TableLayout = {
  columns: columns('Name', 'Status', 'Message', 'Error'),
  row: object => {
    const healthy = (object as unknown as ComponentStatus).conditions?.find(({ type }) => type === 'Healthy')
    return { cells: [nameOf(object), healthy?.status === 'True' ? 'Healthy' : healthy?.status === 'False' ? 'Unhealthy' : 'Unknown', healthy?.message ?? '', healthy?.error ?? ''] }
  },
}

export const QUOTA_TABLE = layout<ResourceQuota>({
  own: ['Request', 'Limit'],
  cells: ({ status }) => {
    const terms = (isLimit: boolean): string => Object.keys(status?.hard ?? {}).sort().filter(name => name.startsWith('limits.') === isLimit)
      .map(name => `${name}: ${status?.used?.[name] ?? '0'}/${status!.hard![name]}`).join(', ')
    return [terms(false), terms(true)]
  },
})

export const REVISION_TABLE = layout<{ revision?: number }>({
  own: ['Controller', 'Revision'],
  cells: ({ metadata, revision = 0 }) => {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
    if (owner === undefined) return [NONE, String(revision)]
    const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
    return [`${owner.kind.toLowerCase()}${group}/${owner.name}`, String(revision)]
  },
})

type Value = { averageUtilization?: number; averageValue?: string; value?: string }
type Metric = { type?: string; resource?: { name?: string; target?: Value; current?: Value } }
type Autoscaler = {
  spec?: { scaleTargetRef?: { kind?: string; name?: string }; minReplicas?: number; maxReplicas?: number; metrics?: Metric[]; targetCPUUtilizationPercentage?: number }
  status?: { currentReplicas?: number; currentMetrics?: Metric[]; currentCPUUtilizationPercentage?: number }
}

export const AUTOSCALER_TABLE = layout<Autoscaler>({
  own: ['Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas'],
  cells: ({ spec, status }) => [
    `${spec?.scaleTargetRef?.kind ?? ''}/${spec?.scaleTargetRef?.name ?? ''}`, targets({ ...(spec === undefined ? {} : { spec }), ...(status === undefined ? {} : { status }) }),
    spec?.minReplicas === undefined ? UNSET : String(spec.minReplicas), String(spec?.maxReplicas ?? 0), String(status?.currentReplicas ?? 0),
  ],
})

function targets({ spec, status }: Autoscaler): string {
  if (spec?.targetCPUUtilizationPercentage !== undefined) {
    return `cpu: ${status?.currentCPUUtilizationPercentage === undefined ? '<unknown>' : `${status.currentCPUUtilizationPercentage}%`}/${spec.targetCPUUtilizationPercentage}%`
  }
  const shown = (value: Value | undefined): string =>
    value?.averageUtilization !== undefined ? `${value.averageUtilization}%` : value?.averageValue ?? value?.value ?? '<unknown>'
  const list = (spec?.metrics ?? []).map(metric => {
    const name = metric.resource?.name ?? ''
    const current = status?.currentMetrics?.find(item => item.resource?.name === name)?.resource?.current
    return metric.type === 'Resource' ? `${name}: ${shown(current)}/${shown(metric.resource?.target)}` : '<unknown>'
  })
  if (list.length === 0) return NONE
  return list.length > 2 ? `${list.slice(0, 2).join(', ')} + ${list.length - 2} more...` : list.join(', ')
}

export const PRIORITY_CLASS_TABLE: TableLayout = {
  columns: columns('Name', 'Value(i)', 'Global-Default(b)', 'Age', 'PreemptionPolicy'),
  row: (object, nowMs) => {
    const { value = 0, globalDefault = false, preemptionPolicy = 'PreemptLowerPriority' } = object as { value?: number; globalDefault?: boolean; preemptionPolicy?: string }
    return { cells: [nameOf(object), value, globalDefault, ageOf(object, nowMs), preemptionPolicy] }
  },
}

export const RUNTIME_CLASS_TABLE = layout<{ handler?: string }>({ own: ['Handler'], cells: ({ handler = '' }) => [handler] })

type Claim = { status?: { allocation?: unknown; reservedFor?: unknown[] } }

export const RESOURCE_CLAIM_TABLE = layout<Claim>({
  own: ['State'],
  cells: ({ metadata, status }) => {
    const states = [...(metadata.deletionTimestamp === undefined ? [] : ['deleted']), ...(status?.allocation === undefined ? [] : ['allocated']), ...((status?.reservedFor?.length ?? 0) > 0 ? ['reserved'] : [])]
    return [states.length === 0 || states.join() === 'deleted' ? [...states, 'pending'].join(',') : states.join(',')]
  },
})

type Slice = { spec?: { nodeName?: string; driver?: string; pool?: { name?: string } } }

export const RESOURCE_SLICE_TABLE = layout<Slice>({
  own: ['Node', 'Driver', 'Pool'], cells: ({ spec }) => [spec?.nodeName ?? UNSET, spec?.driver ?? '', spec?.pool?.name ?? ''],
})
