// Query parameters of writes: dryRun, fieldManager, fieldValidation, force.

import type { IncomingHttpHeaders } from 'node:http'
import { invalidObject } from '../../api/status/status.ts'
import { invalid, notSupported, type FieldError } from '../../api/status/field-error.ts'
import type { FieldValidation } from '../../api/schema/field-validation.ts'
import { boolean } from './list-options.ts'

export type WriteOptions = Readonly<{
  dryRun: boolean
  /** As stated; '' when not stated. */
  statedManager: string
  /** As stated, else the client's name from User-Agent. */
  fieldManager: string
  fieldValidation: FieldValidation
  force: boolean | undefined
}>

const MAX_MANAGER_LENGTH = 128

/** Throws 422. `kind` names the options in the message (CreateOptions, UpdateOptions, PatchOptions). */
export function parseWriteOptions(query: URLSearchParams, headers: IncomingHttpHeaders, kind = 'CreateOptions'): WriteOptions {
  const errors: FieldError[] = []
  const dryRuns = query.getAll('dryRun').filter(value => value !== '')
  if (dryRuns.some(value => value !== 'All')) errors.push(notSupported('dryRun', dryRuns, ['All']))
  const statedManager = query.get('fieldManager') ?? ''
  if (statedManager.length > MAX_MANAGER_LENGTH) errors.push({ reason: 'FieldValueTooLong', field: 'fieldManager', body: `Too long: may not be more than ${MAX_MANAGER_LENGTH} bytes` })
  if (/[^\x20-\x7e\u00a0-\uffff]/.test(statedManager)) errors.push(invalid('fieldManager', statedManager, 'should only contain printable characters'))
  const fieldValidation = query.get('fieldValidation') ?? ''
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']))
  if (errors.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind }, '', errors)
  return {
    dryRun: dryRuns.length > 0, statedManager,
    fieldManager: statedManager !== '' ? statedManager : defaultManager(headers['user-agent']),
    fieldValidation: (fieldValidation === '' ? 'Warn' : fieldValidation) as FieldValidation,
    force: boolean(query, 'force'),
  }
}

/** The client's name: User-Agent up to the first slash (k8s.io/apiserver managerOrUserAgent). */
const defaultManager = (userAgent: string | undefined): string =>
  (userAgent ?? '').split('/')[0]!.replace(/[^\x20-\x7e\u00a0-\uffff]/g, '').slice(0, MAX_MANAGER_LENGTH) || 'unknown'
