// Status, the body of every failed request, and the exact sentences that clients print or match.
// Shapes follow k8s.io/apimachinery/pkg/api/errors.

import { WeftError } from '../../ops/errors.ts'
import { formatFieldError, type FieldError } from './field-error.ts'

export type StatusReason =
  | '' | 'BadRequest' | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'MethodNotAllowed' | 'NotAcceptable'
  | 'AlreadyExists' | 'Conflict' | 'Expired' | 'RequestEntityTooLarge' | 'UnsupportedMediaType' | 'Invalid'
  | 'TooManyRequests' | 'InternalError' | 'ServiceUnavailable' | 'Timeout' | 'ServerTimeout'

export type StatusCause = { reason?: string; message?: string; field?: string }

export type StatusDetails = {
  name?: string
  group?: string
  /** The plural resource; for Invalid the kind. */
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

export type Status = {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: { continue?: string; resourceVersion?: string }
  status: 'Success' | 'Failure'
  message?: string
  reason?: StatusReason
  details?: StatusDetails
  code: number
}

/** What a message says an object is: `services`, `deployments.apps`. */
export type QualifiedResource = Readonly<{ group: string; plural: string }>

/** A failed request. The server writes `body` with HTTP status `body.code`; nothing else about it reaches the client. */
export class StatusError extends WeftError {
  readonly body: Status

  constructor(body: Status, options: { cause?: unknown } = {}) {
    const retryable = body.code === 429 || body.code === 503 || body.code === 504 || body.reason === 'ServerTimeout'
    super('API_STATUS', body.message ?? '', { reason: body.reason, code: body.code, details: body.details }, { ...options, retryable })
    this.body = body
  }
}

type Failure = { code: number; reason: StatusReason; message: string; details?: StatusDetails; continueToken?: string }

/** Any failure; the named functions below are the usual ones. */
export const failure = ({ code, reason, message, details, continueToken }: Failure): StatusError =>
  new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: continueToken === undefined ? {} : { continue: continueToken },
    status: 'Failure', message,
    ...(reason === '' ? {} : { reason }), ...(details === undefined ? {} : { details }), code,
  })

/** The body of a DELETE that returns no object. */
export const deleteSuccess = (resource: QualifiedResource, name: string, uid: string): Omit<Status, 'code'> => ({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success',
  details: { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural, uid },
})

export const formatResource = (resource: QualifiedResource): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`

const about = (resource: QualifiedResource, name?: string): StatusDetails => ({
  ...(name === undefined || name === '' ? {} : { name }),
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
})

export const badRequest = (message: string): StatusError => failure({ code: 400, reason: 'BadRequest', message })

export const unauthorized = (): StatusError => failure({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' })

/** `R "name" is forbidden: why`; without a name `R is forbidden: why`. */
export function forbiddenRequest(resource: QualifiedResource, name: string, why: string, causes?: StatusCause[]): StatusError {
  const message = name === ''
    ? `${formatResource(resource)} is forbidden: ${why}`
    : `${formatResource(resource)} "${name}" is forbidden: ${why}`
  return failure({ code: 403, reason: 'Forbidden', message, details: { ...about(resource, name), ...(causes === undefined ? {} : { causes }) } })
}

/** A path that is no resource, such as /metrics. */
export const forbiddenPath = (user: string, verb: string, path: string): StatusError =>
  failure({ code: 403, reason: 'Forbidden', message: `forbidden: User ${JSON.stringify(user)} cannot ${verb} path ${JSON.stringify(path)}`, details: {} })

export const notFoundObject = (resource: QualifiedResource, name: string): StatusError =>
  failure({ code: 404, reason: 'NotFound', message: `${formatResource(resource)} "${name}" not found`, details: about(resource, name) })

export const methodNotAllowed = (resource: QualifiedResource, verb: string): StatusError =>
  failure({ code: 405, reason: 'MethodNotAllowed', message: `${verb} is not supported on resources of kind "${formatResource(resource)}"`, details: about(resource) })

/** A path that would be a resource if there were one, below a group that is served. */
export const unknownResource = (): StatusError =>
  failure({ code: 404, reason: 'NotFound', message: 'the server could not find the requested resource', details: {} })

/** The route exists, but not with this HTTP method. */
export const routeMethodNotAllowed = (): StatusError =>
  failure({ code: 405, reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource', details: {} })

export const notAcceptable = (offered: readonly string[]): StatusError =>
  failure({ code: 406, reason: 'NotAcceptable', message: `only the following media types are accepted: ${offered.join(', ')}` })

export const unsupportedMediaType = (accepted: readonly string[]): StatusError => failure({
  code: 415, reason: 'UnsupportedMediaType',
  message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
})

export const alreadyExists = (resource: QualifiedResource, name: string, prefix = ''): StatusError =>
  failure({ code: 409, reason: 'AlreadyExists', message: `${prefix}${formatResource(resource)} "${name}" already exists`, details: about(resource, name) })

/** generateName found no free name in its tries. */
export const nameExhausted = (resource: QualifiedResource, name: string): StatusError => failure({
  code: 409, reason: 'AlreadyExists',
  message: `${formatResource(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`,
  details: { ...about(resource, name), retryAfterSeconds: 1 },
})

export const conflict = (resource: QualifiedResource, name: string, why: string): StatusError => failure({
  code: 409, reason: 'Conflict', message: `Operation cannot be fulfilled on ${formatResource(resource)} "${name}": ${why}`, details: about(resource, name),
})

/** The optimistic lock: the body's resourceVersion is not the stored one. */
export const staleObject = (resource: QualifiedResource, name: string): StatusError =>
  conflict(resource, name, 'the object has been modified; please apply your changes to the latest version and try again')

export const expired = (message: string, continueToken?: string): StatusError =>
  failure({ code: 410, reason: 'Expired', message, ...(continueToken === undefined ? {} : { continueToken }) })

export const entityTooLarge = (message: string): StatusError => failure({ code: 413, reason: 'RequestEntityTooLarge', message })

/** 422: the object breaks rules of its kind. `kind` with its group; upstream shows `Deployment.apps "web" is invalid`. */
export function invalidObject(kind: Readonly<{ group: string; kind: string }>, name: string, errors: readonly FieldError[]): StatusError {
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const lines = [...new Set(errors.map(formatFieldError))]
  return failure({
    code: 422, reason: 'Invalid',
    message: `${qualified} "${name}" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`,
    details: {
      ...(name === '' ? {} : { name }), ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.kind,
      causes: errors.map(({ reason, field, body }) => ({ reason, message: body, field })),
    },
  })
}

/** 422 without an object: what RFC 6902 calls a failed test, or a path that is not there. The detail stays here, as upstream's does. */
export const unprocessable = (detail: string): StatusError => new StatusError(failure({
  code: 422, reason: 'Invalid', message: 'the server rejected our request due to an error in our request', details: {},
}).body, { cause: detail })

/** Without `retryAfterSeconds` the caller decides when to ask again: clients that are given one wait by themselves. */
export const tooManyRequests = (message: string, retryAfterSeconds: number | undefined, causes?: StatusCause[]): StatusError => failure({
  code: 429, reason: 'TooManyRequests', message, details: { ...(causes === undefined ? {} : { causes }), ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
})

export const internalError = (text: string, cause?: unknown): StatusError => {
  const made = failure({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${text}`, details: { causes: [{ message: text }] } })
  return cause === undefined ? made : new StatusError(made.body, { cause })
}

/** 500 with an empty reason and the bare text, which is what upstream makes of an unclassified error. */
export const unclassified = (text: string): StatusError => failure({ code: 500, reason: '', message: text })

export const timeout = (text: string, retryAfterSeconds?: number): StatusError => failure({
  code: 504, reason: 'Timeout', message: `Timeout: ${text}`, details: retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
})

/** A list or watch asks for a revision that the store has not reached. */
export const futureResourceVersion = (asked: bigint | string, current: bigint | string): StatusError => failure({
  code: 504, reason: 'Timeout', message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
  details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
})

export const serverTimeout = (resource: QualifiedResource, verb: string, retryAfterSeconds: number): StatusError => failure({
  code: 500, reason: 'ServerTimeout',
  message: `The ${verb} operation against ${formatResource(resource)} could not be completed at this time, please try again.`,
  details: { ...about(resource), retryAfterSeconds },
})
