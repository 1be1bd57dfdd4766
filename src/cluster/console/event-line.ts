// One readable line per event of a daemon's life.

import { isReadyLine, type Component, type DaemonEvent } from '../supervisor/daemon.ts'

export type EventSource = Readonly<{ host: string; component: Component }>

/** Fields that every line has anyway, or that only machines want. */
const LEFT_OUT: ReadonlySet<string> = new Set(['component', 'node', 'pid', 'hostname'])

/** "07:55:01 host-2 agent: route repaired (destination=10.244.1.0/24)"; undefined for what a person need not see. */
export function formatEventLine(time: Date, source: EventSource, event: DaemonEvent): string | undefined {
  const text = textOf(event)
  if (text === undefined) return undefined
  return `${time.toISOString().slice(11, 19)} ${source.host} ${source.component}: ${text}\n`
}

function textOf(event: DaemonEvent): string | undefined {
  switch (event.kind) {
    case 'started':
      return `started (pid ${event.pid})`
    case 'ready':
      return 'ready'
    case 'exited':
      return `ended by ${event.reason}; starts again in ${(event.restartInMs / 1000).toFixed(1)} s`
    case 'log': {
      const { level, message, fields } = event.line
      if (level === 'trace' || level === 'debug' || isReadyLine(event.line)) return undefined
      const shown = Object.entries(fields).filter(([name]) => !LEFT_OUT.has(name)).map(([name, value]) => `${name}=${formatValue(value)}`)
      const mark = level === 'info' ? '' : `${level.toUpperCase()} `
      return `${mark}${message}${shown.length === 0 ? '' : ` (${shown.join(' ')})`}`
    }
    default:
      return event satisfies never
  }
}

/** Errors in pino's form are shown by their message; objects as JSON; container ids as short as runtimes show them. */
function formatValue(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value.slice(0, 12)
  if (typeof value === 'object' && value !== null) {
    return 'message' in value && typeof value.message === 'string' ? JSON.stringify(value.message) : JSON.stringify(value)
  }
  return typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : String(value)
}
