// `kubectl get` of what runs pods.

import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from 'kubernetes-types/apps/v1.d.ts'
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts'
import type { ReplicationController } from 'kubernetes-types/core/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { formatAge, formatDuration } from './age.ts'
import { ageOf, containerCells, formatLabels, formatSelector, layout, nameOf, NONE, WORKLOAD_WIDE } from './cells.ts'

export const DEPLOYMENT_TABLE = layout<Deployment>({
  own: ['Ready', 'Up-to-date', 'Available'],
  wide: WORKLOAD_WIDE,
  cells: ({ spec, status }) => [`${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`, status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0],
  wideCells: ({ spec }) => [...containerCells(spec?.template), formatSelector(spec?.selector)],
})

export const REPLICA_SET_TABLE = layout<ReplicaSet>({
  own: ['Desired(i)', 'Current(i)', 'Ready(i)'],
  wide: WORKLOAD_WIDE,
  cells: ({ spec, status }) => [spec?.replicas ?? 0, status?.replicas ?? 0, status?.readyReplicas ?? 0],
  wideCells: ({ spec }) => [...containerCells(spec?.template), formatSelector(spec?.selector)],
})

export const REPLICATION_CONTROLLER_TABLE = layout<ReplicationController>({
  own: ['Desired(i)', 'Current(i)', 'Ready(i)'],
  wide: WORKLOAD_WIDE,
  cells: ({ spec, status }) => [spec?.replicas ?? 0, status?.replicas ?? 0, status?.readyReplicas ?? 0],
  wideCells: ({ spec }) => [...containerCells(spec?.template), formatLabels(spec?.selector)],
})

export const DAEMON_SET_TABLE: TableLayout = {
  columns: columns('Name', 'Desired(i)', 'Current(i)', 'Ready(i)', 'Up-to-date(i)', 'Available(i)', 'Node Selector', 'Age', '+Containers', '+Images', '+Selector'),
  row: (object, nowMs) => {
    const { spec, status } = object as unknown as DaemonSet
    return {
      cells: [
        nameOf(object), status?.desiredNumberScheduled ?? 0, status?.currentNumberScheduled ?? 0, status?.numberReady ?? 0,
        status?.updatedNumberScheduled ?? 0, status?.numberAvailable ?? 0, formatLabels(spec?.template?.spec?.nodeSelector), ageOf(object, nowMs),
        ...containerCells(spec?.template), formatSelector(spec?.selector),
      ],
    }
  },
}

export const STATEFUL_SET_TABLE = layout<StatefulSet>({
  own: ['Ready'],
  wide: ['Containers', 'Images'],
  cells: ({ spec, status }) => [`${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`],
  wideCells: ({ spec }) => containerCells(spec?.template),
})

export const JOB_TABLE = layout<Job>({
  own: ['Status', 'Completions', 'Duration'],
  wide: WORKLOAD_WIDE,
  cells: (job, nowMs) => [jobStatus(job), completions(job), jobDuration(job, nowMs)],
  wideCells: ({ spec }) => [...containerCells(spec?.template), formatSelector(spec?.selector)],
})

function jobStatus({ metadata, status }: Job): string {
  const holds = (type: string): boolean => status?.conditions?.some(item => item.type === type && item.status === 'True') ?? false
  if (holds('Complete')) return 'Complete'
  if (holds('Failed')) return 'Failed'
  if (metadata?.deletionTimestamp !== undefined) return 'Terminating'
  if (holds('Suspended')) return 'Suspended'
  if (holds('FailureTarget')) return 'FailureTarget'
  return holds('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running'
}

function completions({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 1
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function jobDuration({ status }: Job, nowMs: number): string {
  const start = Date.parse(status?.startTime ?? '')
  if (Number.isNaN(start)) return ''
  const end = Date.parse(status?.completionTime ?? '')
  return formatDuration((Number.isNaN(end) ? nowMs : end) - start)
}

export const CRON_JOB_TABLE = layout<CronJob>({
  own: ['Schedule', 'Timezone', 'Suspend(b)', 'Active(i)', 'Last Schedule'],
  wide: WORKLOAD_WIDE,
  cells: ({ spec, status }, nowMs) => [
    spec?.schedule ?? '', spec?.timeZone ?? NONE, spec?.suspend === true ? 'True' : 'False', status?.active?.length ?? 0,
    status?.lastScheduleTime === undefined ? NONE : formatAge(status.lastScheduleTime, nowMs),
  ],
  wideCells: ({ spec }) => [...containerCells(spec?.jobTemplate?.spec?.template), formatSelector(spec?.jobTemplate?.spec?.selector)],
})
