// Who owns which field after a write (metadata.managedFields).

import { trackUpdate, type Writer } from '../../api/managed-fields/update.ts'
import type { ApiObject, Draft } from '../../api/object.ts'
import { formatGroupVersion } from '../../api/registry/resource.ts'
import type { Call } from './call.ts'
import type { WriteOptions } from './write-options.ts'

/** Sets the managers of a draft that replaces `old`, or that is new. */
export type Track = (draft: Draft, old: ApiObject | undefined) => void

export const writerOf = ({ resource, request, serving }: Call, { fieldManager }: WriteOptions): Writer => ({
  manager: fieldManager, apiVersion: formatGroupVersion(resource), subresource: request.subresource,
  hasStatus: resource.subresources.some(({ name }) => name === 'status'), nowMs: serving.clock.now(),
})

/** For every write but apply. */
export const trackChange = (call: Call, options: WriteOptions): Track =>
  (draft, old) => trackUpdate(draft, old, call.strategy.shape, writerOf(call, options))
