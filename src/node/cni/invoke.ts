// Executes one plugin, as libcni does: request in environment and stdin, answer on stdout, exit code 0 or not.

import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { CniError, type PluginFailure } from './cni-error.ts'

export type Verb = 'ADD' | 'CHECK' | 'DEL'

export type Invocation = Readonly<{
  verb: Verb
  containerId: string
  /** Empty on a DEL whose namespace is gone. */
  netns: string
  interfaceName: string
  /** CNI_ARGS. */
  args: string
  binFolders: readonly string[]
  type: string
  /** The plugin's whole configuration, as it reads it from stdin. */
  config: Readonly<Record<string, unknown>>
}>

/** kubelet gives a sandbox four minutes in all; a plugin that has not answered in this time hangs. */
const DEADLINE_MS = 90_000

/** A plugin that is being written cannot be executed: libcni tries this often, a second apart. */
const TEXT_BUSY_ATTEMPTS = 6
const TEXT_BUSY_WAIT_MS = 1_000

/** Answers what an ADD printed, undefined for other verbs. Throws CNI_PLUGIN_MISSING or CNI_PLUGIN_FAILED. */
export async function invoke(invocation: Invocation, options: Readonly<{ signal: AbortSignal; sleep: (ms: number) => Promise<void> }>): Promise<Readonly<Record<string, unknown>> | undefined> {
  const path = await find(invocation)
  for (let attempt = 1; ; attempt += 1) {
    try {
      const stdout = await run(path, invocation, options.signal)
      if (invocation.verb !== 'ADD') return undefined
      return parseAnswer(stdout, invocation)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ETXTBSY' || attempt === TEXT_BUSY_ATTEMPTS) throw error
      await options.sleep(TEXT_BUSY_WAIT_MS)
    }
  }
}

async function find({ type, binFolders }: Invocation): Promise<string> {
  for (const folder of binFolders) {
    const path = join(folder, type)
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path
  }
  throw new CniError('CNI_PLUGIN_MISSING', `the CNI plugin "${type}" is not in ${binFolders.join(', ')}: install it there`, { plugin: type })
}

async function run(path: string, invocation: Invocation, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  const child = spawn(path, [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, deadline]),
    killSignal: 'SIGKILL',
    env: {
      ...process.env,
      CNI_COMMAND: invocation.verb, CNI_CONTAINERID: invocation.containerId, CNI_NETNS: invocation.netns,
      CNI_IFNAME: invocation.interfaceName, CNI_ARGS: invocation.args, CNI_PATH: invocation.binFolders.join(':'),
    },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  // A plugin may end without reading its input.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(invocation.config))
  const spawnError = once(child, 'error').then(([error]) => error as Error)
  const closed = once(child, 'close').then(([code]) => code as number | null)
  const ended = await Promise.race([closed, spawnError])
  if (ended instanceof Error) {
    if (signal.aborted) throw signal.reason
    if (deadline.aborted) throw pluginError(invocation, { cniCode: 11, msg: `no answer within ${DEADLINE_MS / 1000} s`, details: '' })
    throw ended
  }
  if (ended !== 0) throw pluginError(invocation, parseFailure(stdout, stderr, ended))
  return stdout
}

/** How libcni reads failures: the error object on stdout; without one, whatever was said. */
export function parseFailure(stdout: string, stderr: string, exitCode: number | null): PluginFailure {
  const spoken = stdout.trim()
  if (spoken === '') return { cniCode: 999, msg: stderr.trim() || `the plugin ended with ${exitCode === null ? 'a signal' : `code ${exitCode}`} and said nothing`, details: '' }
  try {
    const { code, msg, details } = JSON.parse(spoken) as Readonly<Record<string, unknown>>
    return { cniCode: typeof code === 'number' ? code : 999, msg: String(msg ?? ''), details: String(details ?? '') }
  } catch {
    return { cniCode: 999, msg: `the plugin's error is not JSON: ${spoken}`, details: '' }
  }
}

function parseAnswer(stdout: string, invocation: Invocation): Readonly<Record<string, unknown>> {
  try {
    const answer: unknown = JSON.parse(stdout)
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Readonly<Record<string, unknown>>
  } catch {
    // Reported below, with what was said.
  }
  throw pluginError(invocation, { cniCode: 999, msg: `the plugin's result is not a JSON object: ${stdout.slice(0, 200)}`, details: '' })
}

function pluginError(invocation: Invocation, failure: PluginFailure): CniError {
  const details = failure.details === '' ? '' : `: ${failure.details}`
  return new CniError('CNI_PLUGIN_FAILED', `CNI ${invocation.verb} by "${invocation.type}" failed (code ${failure.cniCode}): ${failure.msg}${details}`, { plugin: invocation.type, failure })
}
