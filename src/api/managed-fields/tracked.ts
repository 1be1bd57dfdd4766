// Which fields are nobody's: names, what the server writes, and what an endpoint does not take.

import { without, type FieldSet } from './field-set.ts'
import { parseFields } from './field-set.ts'

const read = (fields: object): FieldSet => parseFields(fields)!

/** Never tracked (stripMeta of k8s.io/apimachinery/pkg/util/managedfields). */
const SYSTEM = read({
  'f:apiVersion': {}, 'f:kind': {},
  'f:metadata': {
    'f:name': {}, 'f:generateName': {}, 'f:namespace': {}, 'f:uid': {}, 'f:resourceVersion': {}, 'f:generation': {}, 'f:creationTimestamp': {},
    'f:selfLink': {}, 'f:managedFields': {}, 'f:deletionTimestamp': {}, 'f:deletionGracePeriodSeconds': {},
  },
})

const STATUS = read({ 'f:status': {} })
const ALL_BUT_STATUS = read({ 'f:spec': {} })

/** Removes what a write to this endpoint cannot own. */
export function trackable(set: FieldSet, { hasStatus, subresource }: Readonly<{ hasStatus: boolean; subresource: string }>): FieldSet {
  const own = without(set, SYSTEM)
  if (subresource === 'status') return without(own, ALL_BUT_STATUS)
  return hasStatus && subresource === '' ? without(own, STATUS) : own
}
