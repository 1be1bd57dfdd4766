// Starts a daemon's process and sees it end.

import { spawn, type ChildProcess } from 'node:child_process'
import { open } from 'node:fs/promises'
import { once } from 'node:events'
import { WeftError } from '../../ops/errors.ts'
import { systemClock } from '../../ops/clock.ts'
import type { DaemonPlan } from './daemon.ts'

/** How `weft` is run: Node.js and the path of the main program. */
export type WeftProgram = Readonly<{ node: string; main: string }>

/**
 * Many daemons share one machine here and each has little to do: a young generation of 2 MB instead of 16 and one helper
 * thread for V8 save a third of the memory (agent 65 to 49 MB, proxy 64 to 34 MB private) and cost no time that could be measured.
 */
const SMALL = ['--max-semi-space-size=2', '--v8-pool-size=1']

export interface RunningDaemon {
  readonly pid: number
  /** Where in the log file this process's lines begin. */
  readonly logOffset: number
  /** Resolves with a few words when the process is gone: "exit code 1", "SIGKILL". */
  readonly ended: Promise<string>
  /** SIGTERM, and SIGKILL to what is still there after `graceMs`. Resolves when the process is gone. */
  stop(options: Readonly<{ graceMs: number }>): Promise<void>
}

/**
 * Runs the daemon in its namespace. nsenter(1) becomes the daemon, so the process id stays the same; the session is
 * its own, so a Ctrl-C meant for `weft up` does not reach it. It lives on when the process that started it is killed.
 */
export async function runDaemon(plan: DaemonPlan, program: WeftProgram): Promise<RunningDaemon> {
  await using log = await open(plan.logFile, 'a', 0o600)
  const { size } = await log.stat()
  const child = spawn('nsenter', [`--net=${plan.netns}`, '--', program.node, ...SMALL, program.main, plan.component, ...plan.args], {
    cwd: '/',
    detached: true,
    env: plan.env,
    stdio: ['ignore', log.fd, log.fd],
  })
  const ended = endOf(child)
  if (child.pid === undefined) {
    throw new WeftError('DAEMON_NOT_STARTED', `cannot run nsenter for ${plan.component} on ${plan.host}: ${await ended}`, { host: plan.host, component: plan.component })
  }
  return { pid: child.pid, logOffset: size, ended, stop: options => stop(child, ended, options.graceMs) }
}

async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return signal ?? `exit code ${code}`
  } catch (error) {
    return (error as Error).message
  }
}

async function stop(child: ChildProcess, ended: Promise<string>, graceMs: number): Promise<void> {
  const finished = new AbortController()
  child.kill('SIGTERM')
  const kill = systemClock.sleep(graceMs, { signal: finished.signal }).then(() => child.kill('SIGKILL'), () => undefined)
  await ended
  finished.abort()
  await kill
}
