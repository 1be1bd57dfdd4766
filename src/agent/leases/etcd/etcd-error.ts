// What goes wrong with etcd.

import { WeftError } from '../../../ops/errors.ts'

/** etcd did not answer, or answered no. Never carries credentials. */
export class EtcdError extends WeftError {
  /** The revision asked for is compacted: list again. */
  readonly compacted: boolean

  constructor(operation: string, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause)
    super('ETCD_FAILED', `etcd: ${operation}: ${text}`, { operation }, { cause, retryable: true })
    this.compacted = /compacted/.test(text)
  }
}
