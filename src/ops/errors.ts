// The one error family. Every part derives from it, so that a log line, a health entry and
// a test can rely on the same three things: a stable code, what the error is about, and what to do.

/** What an error is about: the object ("Service default/web"), the field and the offending value. */
export type ErrorSubject = Readonly<Record<string, unknown>>

export type WeftErrorOptions = Readonly<{
  /** The lower-level error, kept whole. */
  cause?: unknown
  /** True when trying the same thing again later can succeed without a person doing anything. */
  retryable?: boolean
}>

/**
 * Base of all errors that Weft throws on purpose.
 *
 * `code` is stable and listed in `docs/errors.md`; `message` is a sentence that says what to do.
 */
export class WeftError extends Error {
  readonly code: string
  readonly subject: ErrorSubject
  readonly retryable: boolean

  constructor(code: string, message: string, subject: ErrorSubject = {}, options: WeftErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.subject = subject
    this.retryable = options.retryable ?? false
  }
}

/** A value from outside (flag, file, object, request) that cannot be used. Names the field and the value. */
export class InputError extends WeftError {
  readonly field: string
  readonly value: unknown

  constructor(field: string, value: unknown, problem: string, options: WeftErrorOptions = {}) {
    super('INVALID_INPUT', `${field}: ${JSON.stringify(value)}: ${problem}`, { field, value }, options)
    this.field = field
    this.value = value
  }
}

/** True when trying again later may help: our own errors say so themselves, others by errno. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof WeftError) return error.retryable
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code !== undefined && TRANSIENT_ERRNOS.has(code)
}

/** errno names (errno(3)) of a peer that is away or a resource that is momentarily short. */
const TRANSIENT_ERRNOS: ReadonlySet<string> = new Set([
  'EAGAIN', 'EINTR', 'EBUSY', 'ENOBUFS', 'ETIMEDOUT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE',
  'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
])

/** True for the rejection that an aborted signal produces: cancelling is not failing. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error as Error | undefined)?.name === 'AbortError')
}
