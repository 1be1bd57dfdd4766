// How a DELETE is to be done: the body (meta/v1 DeleteOptions), or query parameters of the same names.

import { isPlainObject } from '../../api/object.ts'
import { invalid, notSupported, type FieldError } from '../../api/status/field-error.ts'
import { badRequest, invalidObject } from '../../api/status/status.ts'
import { decodeValue } from '../http/decode-body.ts'
import { boolean } from './list-options.ts'

export type PropagationPolicy = 'Foreground' | 'Background' | 'Orphan'

export type DeleteOptions = Readonly<{
  gracePeriodSeconds: number | undefined
  /** Undefined: the kind's default, which is Background for all current kinds. */
  propagationPolicy: PropagationPolicy | undefined
  orphanDependents: boolean | undefined
  preconditions: Readonly<{ uid: string | undefined; resourceVersion: string | undefined }>
  dryRun: boolean
}>

const POLICIES = ['Foreground', 'Background', 'Orphan'] as const

/** Throws 400 or 422. */
export function parseDeleteOptions(body: Buffer, contentType: string | undefined, query: URLSearchParams): DeleteOptions {
  const given = body.length > 0 ? decodeValue(body, contentType) : fromQuery(query)
  return readDeleteOptions(given, query)
}

/** Reads decoded options. Throws 400 or 422. */
export function readDeleteOptions(given: unknown, query = new URLSearchParams()): DeleteOptions {
  if (!isPlainObject(given)) throw badRequest('DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot unmarshal into an object')
  const { gracePeriodSeconds: grace, propagationPolicy: policy, orphanDependents, preconditions, dryRun } = given
  const errors: FieldError[] = []
  if (grace !== undefined && grace !== null && !Number.isSafeInteger(grace)) throw badRequest('DeleteOptions in version "v1" cannot be handled as a DeleteOptions: gracePeriodSeconds is not an integer')
  if (preconditions !== undefined && preconditions !== null && !isPlainObject(preconditions)) throw badRequest('DeleteOptions in version "v1" cannot be handled as a DeleteOptions: preconditions is not an object')
  if (typeof orphanDependents === 'boolean' && typeof policy === 'string') {
    errors.push(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'))
  }
  if (policy !== undefined && policy !== null && !(POLICIES as readonly unknown[]).includes(policy)) {
    errors.push(notSupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan', 'nil']))
  }
  const dryRuns = [...(Array.isArray(dryRun) ? dryRun as unknown[] : []), ...query.getAll('dryRun').filter(value => value !== '')]
  if (dryRuns.some(value => value !== 'All')) errors.push(notSupported('dryRun', dryRuns, ['All']))
  if (errors.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors)
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
  return {
    gracePeriodSeconds: (grace ?? undefined) as number | undefined,
    propagationPolicy: (policy ?? undefined) as PropagationPolicy | undefined,
    orphanDependents: typeof orphanDependents === 'boolean' ? orphanDependents : undefined,
    preconditions: { uid: text((preconditions as { uid?: unknown } | null | undefined)?.uid), resourceVersion: text((preconditions as { resourceVersion?: unknown } | null | undefined)?.resourceVersion) },
    dryRun: dryRuns.length > 0,
  }
}

function fromQuery(query: URLSearchParams): Record<string, unknown> {
  const grace = query.get('gracePeriodSeconds')
  if (grace !== null && !/^-?\d{1,15}$/.test(grace)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`)
  const orphan = boolean(query, 'orphanDependents')
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(query.has('propagationPolicy') ? { propagationPolicy: query.get('propagationPolicy') } : {}),
    ...(orphan === undefined ? {} : { orphanDependents: orphan }),
  }
}
