// A container that cannot be started as its pod describes it.

import { WeftError } from '../ops/errors.ts'
import type { StartReason } from './pod-runtime.ts'

export class StartError extends WeftError {
  readonly reason: StartReason

  constructor(reason: StartReason, message: string, subject: Readonly<Record<string, unknown>> = {}, options: { cause?: unknown } = {}) {
    super('CONTAINER_NOT_STARTED', message, { reason, ...subject }, { ...options, retryable: true })
    this.reason = reason
  }
}
