// Runs one program with text on its standard input and collects what it says.

import { spawn } from 'node:child_process'
import { failedLineOf, IptablesError } from './iptables-error.ts'

export type RunOptions = Readonly<{
  /** Path of the network namespace to run in; undefined for our own. */
  netns?: string | undefined
  /** Value of XTABLES_LOCKFILE; undefined inherits ours, or the program's default (/run/xtables.lock). */
  lockFile?: string | undefined
  /** Told the process id, before the program can have done anything. */
  onStart?: (pid: number) => void
  signal: AbortSignal
}>

/** Resolves when it ended with 0; rejects with `IptablesError` otherwise, and with `signal.reason` on abort. */
export async function runProgram(
  command: readonly string[],
  input: string,
  options: RunOptions,
): Promise<Readonly<{ stdout: string; stderr: string }>> {
  options.signal.throwIfAborted()
  const argv = options.netns === undefined ? command : ['nsenter', `--net=${options.netns}`, '--', ...command]
  const env = options.lockFile === undefined ? process.env : { ...process.env, XTABLES_LOCKFILE: options.lockFile }
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env, signal: options.signal })
  if (child.pid !== undefined) options.onStart?.(child.pid)
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A program that ends before reading its input breaks the pipe; its exit status tells why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.on('error', cause => {
    if (options.signal.aborted) reject(options.signal.reason)
    else reject(new IptablesError({ command, exitStatus: undefined, stderr: cause.message }, { cause }))
  })
  child.on('close', code => {
    if (options.signal.aborted) return reject(options.signal.reason)
    if (code === 0) return resolve()
    const said = text(stderr)
    const failedLine = failedLineOf(said, input)
    const failure = { command, exitStatus: code ?? undefined, stderr: said }
    return reject(new IptablesError(failedLine === undefined ? failure : { ...failure, failedLine }))
  })
  await promise
  return { stdout: text(stdout), stderr: text(stderr) }
}
