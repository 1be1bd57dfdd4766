// The errors a runtime sees. Numbers up to 99: CNI specification 1.1, section "Error"; 8 (bad namespace) is assigned by the
// upstream plugin library; from 110 on they are Weft's own.

import { isRetryable, WeftError } from '../../src/ops/errors.ts'

/** Stable code -> number in the answer. docs/errors.md lists both. */
export const CNI_ERROR_NUMBER = {
  CNI_INCOMPATIBLE_VERSION: 1,
  CNI_UNSUPPORTED_FIELD: 2,
  CNI_UNKNOWN_CONTAINER: 3,
  CNI_INVALID_ENVIRONMENT: 4,
  CNI_IO_FAILURE: 5,
  CNI_DECODING_FAILURE: 6,
  CNI_INVALID_NETWORK_CONFIG: 7,
  CNI_INVALID_NETNS: 8,
  CNI_TRY_AGAIN_LATER: 11,
  CNI_NOT_READY: 50,
  CNI_POOL_EXHAUSTED: 110,
  CNI_ADDRESS_UNAVAILABLE: 111,
  CNI_ATTACHMENT_EXISTS: 112,
  CNI_INTERFACE_EXISTS: 113,
  CNI_BRIDGE_CONFLICT: 114,
  CNI_HOST_PORT_REJECTED: 115,
  CNI_KERNEL_REFUSED: 116,
  CNI_CHECK_MISMATCH: 117,
  CNI_INTERNAL: 999,
} as const

export type CniErrorCode = keyof typeof CNI_ERROR_NUMBER

/** `message` becomes `msg`, `details` stays what it is; both reach the operator through the runtime. */
export class CniError extends WeftError {
  readonly number: number
  readonly details: string | undefined

  constructor(code: CniErrorCode, message: string, details?: string, options: Readonly<{ cause?: unknown }> = {}) {
    super(code, message, details === undefined ? {} : { details }, { ...options, retryable: CNI_ERROR_NUMBER[code] === 11 })
    this.number = CNI_ERROR_NUMBER[code]
    this.details = details
  }
}

/** Takes whatever was thrown while serving a request; what is no CniError becomes "try again" or "internal". */
export function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof WeftError ? error.code : undefined
  if (code === 'INVALID_INPUT') return new CniError('CNI_INVALID_NETWORK_CONFIG', message, undefined, { cause: error })
  if (code === 'NETLINK_REFUSED' || code === 'SYSCTL_FAILED') return new CniError('CNI_KERNEL_REFUSED', message, undefined, { cause: error })
  const timedOut = error instanceof DOMException && (error.name === 'TimeoutError' || error.name === 'AbortError')
  if (timedOut) return new CniError('CNI_TRY_AGAIN_LATER', 'the request was not finished within its time', message, { cause: error })
  return new CniError(isRetryable(error) ? 'CNI_TRY_AGAIN_LATER' : 'CNI_INTERNAL', message, undefined, { cause: error })
}

/**
 * Phrases that make containerd take a failed DEL for a finished one (its sandbox_stop treats them as "network already
 * gone"), so that the clean-up would be lost.
 */
const TAKEN_FOR_SUCCESS = [
  { phrase: /not found/gi, instead: 'absent' },
  { phrase: /no such file or directory/gi, instead: 'ENOENT' },
] as const

/** The text of an error as a DEL may say it. */
export const textForDel = (text: string): string =>
  TAKEN_FOR_SUCCESS.reduce((rest, { phrase, instead }) => rest.replace(phrase, instead), text)
