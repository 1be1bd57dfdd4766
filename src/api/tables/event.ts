// `kubectl get events`, for both forms of an event.

import type { Event as CoreEvent } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../object.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { formatAge } from './age.ts'
import { nameOf, UNKNOWN } from './cells.ts'

type EitherEvent = Partial<CoreEvent> & {
  regarding?: CoreEvent['involvedObject']
  note?: string
  reportingController?: string
  reportingInstance?: string
  deprecatedFirstTimestamp?: string
  deprecatedLastTimestamp?: string
  deprecatedCount?: number
  deprecatedSource?: CoreEvent['source']
}

export const EVENT_TABLE: TableLayout = {
  columns: columns('Last Seen', 'Type', 'Reason', 'Object', '+Subobject', '+Source', 'Message', '+First Seen', '+Count', '+Name'),
  row: (object: ApiObject, nowMs: number) => {
    const event = object as unknown as EitherEvent
    const about = event.involvedObject ?? event.regarding
    const firstTime = present(event.firstTimestamp ?? event.deprecatedFirstTimestamp) ?? present(event.eventTime)
    const first = firstTime === undefined ? UNKNOWN : formatAge(firstTime, nowMs)
    const lastTime = present(event.series?.lastObservedTime) ?? present(event.lastTimestamp ?? event.deprecatedLastTimestamp)
    const last = lastTime === undefined ? first : formatAge(lastTime, nowMs)
    const name = about?.name ?? ''
    return {
      cells: [
        last, event.type ?? '', event.reason ?? '',
        name === '' ? (about?.kind ?? '').toLowerCase() : `${(about?.kind ?? '').toLowerCase()}/${name}`,
        about?.fieldPath ?? '', formatSource(event), (event.message ?? event.note ?? '').trim(), first,
        event.series?.count ?? ((event.count ?? event.deprecatedCount ?? 0) || 1), nameOf(object),
      ],
    }
  },
}

const present = (time: string | null | undefined): string | undefined => (time === null || time === '' ? undefined : time)

function formatSource(event: EitherEvent): string {
  const source = event.source ?? event.deprecatedSource
  const component = source?.component || event.reportingComponent || event.reportingController || ''
  const host = source?.host || event.reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}
