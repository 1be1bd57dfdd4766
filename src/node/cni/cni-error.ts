// What goes wrong between a runtime and CNI plugins.

import { WeftError, type WeftErrorOptions } from '../../ops/errors.ts'

/** The plugin's error object (CNI specification, "Error"): `cniCode` 11 asks to be tried again. */
export type PluginFailure = Readonly<{ cniCode: number; msg: string; details: string }>

export class CniError extends WeftError {
  readonly plugin: string | undefined
  readonly failure: PluginFailure | undefined

  constructor(code: 'CNI_CONFIG' | 'CNI_PLUGIN_FAILED' | 'CNI_PLUGIN_MISSING', message: string, details: Readonly<{ plugin?: string; failure?: PluginFailure; file?: string }> = {}, options: WeftErrorOptions = {}) {
    super(code, message, details, { retryable: true, ...options })
    this.plugin = details.plugin
    this.failure = details.failure
  }
}

/** The network is not ready: the runtime is to try again (CNI specification, error code 11). */
export const isTryAgain = (error: unknown): boolean => error instanceof CniError && error.failure?.cniCode === 11
