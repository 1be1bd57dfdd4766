// One daemon of one host: what to run where, and what may be told about it.

export const COMPONENTS = ['apiserver', 'controller-manager', 'agent', 'proxy', 'node'] as const
export type Component = (typeof COMPONENTS)[number]

/** A daemon to run: plain data. */
export type DaemonPlan = Readonly<{
  host: string
  component: Component
  /** Path of the network namespace it runs in. */
  netns: string
  /** What follows `weft <component>`. */
  args: readonly string[]
  env: Readonly<Record<string, string>>
  /** Gets stdout and stderr, appended. */
  logFile: string
}>

/** Numbers and causes of a daemon's life, for the log that a person reads. */
export type DaemonEvent =
  | Readonly<{ kind: 'started'; pid: number }>
  | Readonly<{ kind: 'ready' }>
  | Readonly<{ kind: 'log'; line: LogLine }>
  | Readonly<{ kind: 'exited'; reason: string; restartInMs: number }>

/** A line of a daemon's log; `fields` is what pino wrote beyond level, time and message, `structured` whether it was pino. */
export type LogLine = Readonly<{ level: string; message: string; structured: boolean; fields: Readonly<Record<string, unknown>> }>

/** Reads one line: JSON as our daemons write it, or text that something else wrote to the same stream. */
export function readLogLine(text: string): LogLine {
  try {
    const { level, msg, time: _time, ...fields } = JSON.parse(text) as Record<string, unknown>
    if (typeof level === 'string' && typeof msg === 'string') return { level, message: msg, structured: true, fields }
  } catch {
    // Not JSON: a crash report of Node itself, or a program that a daemon started.
  }
  return { level: 'error', message: text, structured: false, fields: {} }
}

/** A daemon says "ready" once it has done its job for the first time. */
export const isReadyLine = (line: LogLine): boolean => line.structured && line.message === 'ready'
