// Runs an operator's command for the extension backend: directly, never through a shell, since parts of its surroundings were
// written by other hosts (GHSA-vchx-5pr6-ffx2).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { WeftError } from '../../../ops/errors.ts'

export type CommandRun = Readonly<{
  /** Program and arguments; $NAME and ${NAME} in them are replaced from `variables`, then from the environment. */
  command: readonly string[]
  variables: Readonly<Record<string, string>>
  /** Given on standard input, with a line end behind. */
  input: string
  signal: AbortSignal
}>

/** Answers standard output and error, trimmed. Throws EXTENSION_COMMAND_FAILED. */
export async function runCommand({ command, variables, input, signal }: CommandRun): Promise<string> {
  const [program, ...args] = expandVariables(command, { ...process.env, ...variables })
  const child = spawn(program!, args, { env: { ...process.env, ...variables }, stdio: ['pipe', 'pipe', 'pipe'], signal })
  child.stdin.on('error', () => {})
  child.stdin.end(`${input}\n`)
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  let status: number | null
  try {
    ;[status] = (await once(child, 'close')) as [number | null]
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    throw new WeftError('EXTENSION_COMMAND_FAILED', `cannot run ${program}: ${(cause as Error).message}`, { command }, { cause, retryable: true })
  }
  const said = (await output).join('').trim()
  if (status !== 0) throw new WeftError('EXTENSION_COMMAND_FAILED', `${command.join(' ')} ended with ${status}: ${said.slice(0, 500)}`, { command, status }, { retryable: true })
  return said
}

/** What is put in stays one argument, whatever it holds. An unknown name becomes nothing, as in flannel (os.Expand). */
export const expandVariables = (command: readonly string[], variables: Readonly<Record<string, string | undefined>>): readonly string[] =>
  command.map(word => word.replaceAll(/\$(?:\{([^}]*)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => variables[braced ?? bare ?? ''] ?? ''))
