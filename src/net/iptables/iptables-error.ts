// What an iptables program answered when it failed: which call, which line, and what it said.

import { WeftError } from '../../ops/errors.ts'

/** Exit statuses from iptables' include/xtables.h (`enum xtables_exittype`). */
const RESOURCE_PROBLEM = 4

export type FailedLine = Readonly<{
  /** 1-based line of the restore input. */
  number: number
  text: string
  /** The lines around it, each with its number, as a log shows them. */
  context: readonly string[]
}>

export type IptablesFailure = Readonly<{
  command: readonly string[]
  exitStatus: number | undefined
  stderr: string
  failedLine?: FailedLine
}>

/** A program of the iptables family ended with an error. `retryable` when the lock or memory was short. */
export class IptablesError extends WeftError {
  readonly exitStatus: number | undefined
  readonly stderr: string
  readonly failedLine: FailedLine | undefined

  constructor(failure: IptablesFailure, options: { cause?: unknown } = {}) {
    const at = failure.failedLine === undefined ? '' : ` at line ${failure.failedLine.number} ${JSON.stringify(failure.failedLine.text)}`
    const said = failure.stderr.trim() === '' ? `exit status ${failure.exitStatus ?? 'unknown'}` : failure.stderr.trim()
    super(
      'IPTABLES_FAILED',
      `${failure.command.join(' ')} failed${at}: ${said}`,
      {
        command: failure.command,
        exitStatus: failure.exitStatus,
        ...(failure.failedLine === undefined ? {} : { line: failure.failedLine.number, context: failure.failedLine.context }),
      },
      { ...options, retryable: failure.exitStatus === RESOURCE_PROBLEM },
    )
    this.exitStatus = failure.exitStatus
    this.stderr = failure.stderr
    this.failedLine = failure.failedLine
  }
}

/** No usable iptables was found, or the kernel refuses it. */
export class IptablesMissingError extends WeftError {
  constructor(message: string, subject: Readonly<Record<string, unknown>>, options: { cause?: unknown } = {}) {
    super('IPTABLES_MISSING', message, subject, options)
  }
}

/**
 * Finds the line that a restore program complained about.
 *
 * Both variants say "line 12 failed" or "line 12: CHAIN_DEL failed …" (iptables 1.8, xshared.c and nft.c).
 */
export function failedLineOf(stderr: string, input: string): FailedLine | undefined {
  const match = /\bline:? (\d+)/i.exec(stderr)
  if (match === null) return undefined
  const lines = input.split('\n')
  const number = Number(match[1])
  const text = lines[number - 1]
  if (text === undefined) return undefined
  const first = Math.max(1, number - 3)
  const context = lines.slice(first - 1, number + 3).map((line, index) => `${first + index}: ${line}`)
  return { number, text, context }
}
