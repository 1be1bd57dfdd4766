// Events: one storage (core/v1), two representations (core/v1 and events.k8s.io/v1).

import type { Event as CoreEvent } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { invalid, type FieldError } from '../../status/field-error.ts'
import { EVENT_TABLE } from '../../tables/event.ts'

const ABOUT = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const

/** Names of the fields in each representation: [core, events.k8s.io]. */
const RENAMED = [
  ['involvedObject', 'regarding'], ['message', 'note'], ['reportingComponent', 'reportingController'], ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'], ['lastTimestamp', 'deprecatedLastTimestamp'], ['count', 'deprecatedCount'],
] as const

export const coreEventStrategy = (base: Strategy): Strategy => eventStrategy(base, { about: 'involvedObject', component: 'reportingComponent', withSource: true })
export const newEventStrategy = (base: Strategy): Strategy => eventStrategy(base, { about: 'regarding', component: 'reportingController', withSource: false })

function eventStrategy(base: Strategy, { about, component, withSource }: { about: string; component: string; withSource: boolean }): Strategy {
  return {
    ...base,
    validateCreate: object => validateEvent(object, about),
    update: { ...base.update, validate: next => validateEvent(next, about) },
    createsOnUpdate: true,
    fieldLabels: [...ABOUT.map(field => `${about}.${field}`), 'reason', component, ...(withSource ? ['source'] : []), 'type'],
    selectableFields: object => {
      const subject = (object[about] ?? {}) as Record<string, string>
      const source = ((object['source'] ?? object['deprecatedSource']) as CoreEvent['source'])?.component ?? ''
      const reporter = String(object[component] ?? '')
      return {
        ...Object.fromEntries(ABOUT.map(field => [`${about}.${field}`, subject[field] ?? ''])),
        reason: String(object['reason'] ?? ''), [component]: reporter, source: source === '' ? reporter : source, type: String(object['type'] ?? ''),
      }
    },
    table: EVENT_TABLE,
  }
}

/** The stored (core) form of an event given as events.k8s.io/v1, and back. Other forms pass through. */
export function convertEvent(event: ApiObject, to: 'v1' | 'events.k8s.io/v1'): ApiObject {
  if (event.apiVersion === to) return event
  const [from, into] = to === 'v1' ? [1, 0] as const : [0, 1] as const
  const converted: ApiObject = { ...event, apiVersion: to }
  for (const names of RENAMED) {
    delete converted[names[from]]
    if (event[names[from]] !== undefined) converted[names[into]] = event[names[from]]
  }
  return converted
}

/** An event lies where the object lies that it is about; events of cluster objects lie in `default`. */
function validateEvent(object: ApiObject, about: string): readonly FieldError[] {
  const namespace = (object[about] as { namespace?: string } | undefined)?.namespace ?? ''
  const own = object.metadata.namespace ?? ''
  if (namespace === '' ? own === 'default' || own === 'kube-system' || own === '' : namespace === own) return []
  return [invalid(`${about}.namespace`, namespace, 'does not match event.namespace')]
}
