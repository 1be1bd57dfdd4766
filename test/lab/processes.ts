// Processes of a namespace: finding and ending them.

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import type { NetnsIdentity } from '../../src/net/netns/identity.ts'
import { eventually, PATIENCE } from './eventually.ts'

export type Finished = Readonly<{ stdout: string; stderr: string; code: number | null; signal: NodeJS.Signals | null }>

/** npm puts the packages' own programs in front, and one of them is called nft as well. */
export const systemPath = (path = ''): string => path.split(':').filter(folder => !folder.endsWith('node_modules/.bin')).join(':')

/** Starts a program inside a namespace; nsenter becomes the program, so the pid is the program's own. */
export const spawnInNetns = (netns: string, command: readonly string[], options: SpawnOptions = {}): ChildProcess => {
  const env = options.env ?? process.env
  return spawn('nsenter', [`--net=${netns}`, '--', ...command], { ...options, env: { ...env, PATH: systemPath(env['PATH']) } })
}

/** Runs a program to its end. Rejects, with its stderr, when the exit code is not 0 unless `check` is false. */
export async function runInNetns(
  netns: string, command: readonly string[],
  options: Readonly<{ input?: string; check?: boolean; env?: NodeJS.ProcessEnv; timeoutMs?: number }> = {},
): Promise<Finished> {
  const child = spawnInNetns(netns, command, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env }, timeout: (options.timeoutMs ?? 20_000) * PATIENCE })
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  child.stdin!.on('error', () => {})
  child.stdin!.end(options.input ?? '')
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (code !== 0 && options.check !== false) throw new Error(`${command.join(' ')} ended with ${code ?? signal}: ${stderr.trim() || stdout.trim()}`)
  return { stdout, stderr, code, signal }
}

/** Pids of all processes in any of these namespaces. */
export function processesIn(namespaces: readonly NetnsIdentity[]): readonly number[] {
  const links = new Set(namespaces.map(({ inode }) => `net:[${inode}]`))
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number).filter(pid => {
    try {
      return pid !== process.pid && links.has(readlinkSync(`/proc/${pid}/ns/net`))
    } catch {
      return false // ended meanwhile
    }
  })
}

/** Kills every process in these namespaces and waits until they are gone. */
export async function endProcessesIn(namespaces: readonly NetnsIdentity[]): Promise<void> {
  await eventually(() => {
    const left = processesIn(namespaces)
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    return left.length === 0 ? true : `processes ${left.join(', ')} live on`
  })
}
