// Credential plugins: a program prints an ExecCredential (client.authentication.k8s.io/v1, KEP-541).

import { execFile } from 'node:child_process'
import { isAbsolute, join, sep } from 'node:path'
import type { Clock } from '../../ops/clock.ts'
import { CredentialError } from '../errors.ts'
import type { Credentials, Presented } from './config.ts'

/** The `exec` part of a kubeconfig user. */
export type ExecPlugin = Readonly<{
  apiVersion: string
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
  /** Printed when the program is missing. */
  installHint: string | undefined
  /** `cluster` of the ExecCredential's spec, when `provideClusterInfo` is set. */
  cluster: Readonly<Record<string, unknown>> | undefined
  /** Folder of the kubeconfig: a command with a slash in it is relative to that. */
  directory: string
}>

export const EXEC_API_VERSIONS: readonly string[] = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']

/** We chose: a helper that has not answered by then is stuck on something that will not come. */
const EXEC_TIMEOUT_MS = 60_000
/** We chose: present a credential no longer than this before it expires, so that no request outlives it. */
const EXPIRY_MARGIN_MS = 10_000

/** Runs the plugin when a credential is first needed, has expired, or was refused. Concurrent callers share one run. */
export function execCredentials(plugin: ExecPlugin, clock: Clock): Credentials {
  let cached: { presented: Presented; expiresAt: number } | undefined
  let running: Promise<Presented> | undefined
  const refresh = async (): Promise<Presented> => {
    cached = parseExecCredential(await runPlugin(plugin), plugin)
    return cached.presented
  }
  return {
    present: async ({ signal }) => {
      signal.throwIfAborted()
      if (cached !== undefined && clock.now() < cached.expiresAt - EXPIRY_MARGIN_MS) return cached.presented
      running ??= refresh().finally(() => {
        running = undefined
      })
      return running
    },
    invalidate: () => {
      cached = undefined
    },
  }
}

function runPlugin(plugin: ExecPlugin): Promise<string> {
  const command = !isAbsolute(plugin.command) && plugin.command.includes(sep) ? join(plugin.directory, plugin.command) : plugin.command
  const info = { kind: 'ExecCredential', apiVersion: plugin.apiVersion, spec: { interactive: false, ...(plugin.cluster && { cluster: plugin.cluster }) } }
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...plugin.args],
      { env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) }, timeout: EXEC_TIMEOUT_MS, maxBuffer: 4 << 20 },
      (cause, stdout, stderr) => {
        if (cause === null) return resolve(stdout)
        const hint = (cause as NodeJS.ErrnoException).code === 'ENOENT' && plugin.installHint ? `. ${plugin.installHint}` : ''
        reject(new CredentialError(`the credential plugin ${plugin.command} failed: ${stderr.trim() || cause.message}${hint}`, { field: 'exec', command: plugin.command }, { cause }))
      },
    )
    child.stdin?.end()
  })
}

function parseExecCredential(text: string, plugin: ExecPlugin): { presented: Presented; expiresAt: number } {
  const fail = (problem: string, cause?: unknown): never => {
    throw new CredentialError(`the credential plugin ${plugin.command} ${problem}`, { field: 'exec', command: plugin.command }, { cause })
  }
  let answer: { kind?: string; status?: { token?: string; clientCertificateData?: string; clientKeyData?: string; expirationTimestamp?: string } }
  try {
    answer = JSON.parse(text) as typeof answer
  } catch (cause) {
    return fail('printed something that is not JSON', cause)
  }
  const status = answer.status
  if (answer.kind !== 'ExecCredential' || status === undefined) return fail('printed no ExecCredential with a status')
  const { token, clientCertificateData: cert, clientKeyData: key } = status
  if ((cert === undefined) !== (key === undefined)) return fail('printed a certificate without its key, or a key without its certificate')
  if (token === undefined && cert === undefined) return fail('printed neither a token nor a client certificate')
  const expiresAt = status.expirationTimestamp === undefined ? Infinity : Date.parse(status.expirationTimestamp)
  if (Number.isNaN(expiresAt)) return fail(`printed an expirationTimestamp that is no time: ${status.expirationTimestamp}`)
  return {
    presented: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(cert !== undefined && key !== undefined && { clientCertificate: { cert, key } }),
    },
    expiresAt,
  }
}
