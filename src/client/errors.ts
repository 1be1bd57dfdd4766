// What can go wrong between a client and the API server, classified once, here.

import type { Status } from 'kubernetes-types/meta/v1.js'
import { WeftError } from '../ops/errors.ts'

/** The request a failure belongs to, for messages: method and path, never headers. */
export type RequestSubject = Readonly<{ method: string; path: string }>

/** The server answered, and the answer was an error. `reason` is the Status reason ("NotFound"), or "". */
export class ApiError extends WeftError {
  readonly status: number
  readonly reason: string
  readonly details: Status['details']
  /** How long the server asks to be left alone (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(status: Status, subject: Partial<RequestSubject> = {}, retryAfterMs?: number) {
    const code = status.code ?? 500
    const message = status.message ?? `the API server answered ${code}`
    super('API_ERROR', message, { ...subject, status: code, reason: status.reason ?? '' }, { retryable: RETRYABLE.has(code) })
    this.status = code
    this.reason = status.reason ?? ''
    this.details = status.details
    const seconds = status.details?.retryAfterSeconds
    this.retryAfterMs = retryAfterMs ?? (seconds === undefined || seconds === 0 ? undefined : seconds * 1000)
  }
}

/** Answers that a later try can turn around by itself. 401: credentials rotate; 409: read again first. */
const RETRYABLE: ReadonlySet<number> = new Set([401, 408, 429, 500, 502, 503, 504])

/** No usable answer came: refused, reset, timed out, not trusted, cut in the middle. Always worth retrying. */
export class TransportError extends WeftError {
  constructor(problem: string, subject: Partial<RequestSubject> & Readonly<Record<string, unknown>>, options: { cause?: unknown } = {}) {
    super('API_UNREACHABLE', problem, subject, { ...options, retryable: true })
  }
}

/** A kubeconfig, a credential or a certificate that cannot be used as it stands. */
export class CredentialError extends WeftError {
  constructor(problem: string, subject: Readonly<Record<string, unknown>>, options: { cause?: unknown } = {}) {
    super('API_CREDENTIALS', problem, subject, { ...options, retryable: true })
  }
}

const hasStatus = (error: unknown, status: number): error is ApiError => error instanceof ApiError && error.status === status

export const isNotFound = (error: unknown): error is ApiError => hasStatus(error, 404)
export const isForbidden = (error: unknown): error is ApiError => hasStatus(error, 403)
export const isUnauthorized = (error: unknown): error is ApiError => hasStatus(error, 401)
export const isInvalid = (error: unknown): error is ApiError => hasStatus(error, 422)
export const isTooManyRequests = (error: unknown): error is ApiError => hasStatus(error, 429)
export const isAlreadyExists = (error: unknown): error is ApiError => hasStatus(error, 409) && error.reason === 'AlreadyExists'
export const isConflict = (error: unknown): error is ApiError => hasStatus(error, 409) && error.reason !== 'AlreadyExists'

/** The resource version asked for has left the server's history: list again. */
export const isGone = (error: unknown): error is ApiError => hasStatus(error, 410)

/** The server has not reached the resource version asked for (a restored backup): list again from scratch. */
export const isTooLargeResourceVersion = (error: unknown): error is ApiError =>
  hasStatus(error, 504) && error.details?.causes?.some(cause => cause.reason === 'ResourceVersionTooLarge') === true

/** Creation was refused because the namespace is being deleted. */
export const isNamespaceTerminating = (error: unknown): error is ApiError =>
  isForbidden(error) && error.details?.causes?.some(cause => cause.reason === 'NamespaceTerminating') === true
