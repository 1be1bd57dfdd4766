// Structured logs: one pino child per component, constant lower-case messages, data in fields.
// Always on stderr: stdout belongs to results (tables, the CNI answer).

import { pino, type Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Fields whose value is a credential, wherever they stand in a logged object. */
const REDACTED = ['token', 'password', 'privateKey', '*.token', '*.password', '*.privateKey', 'headers.authorization']

/** Opens the process's root logger. Callers derive `log.child({ component })` from it. */
export function openLog(options: Readonly<{ level: LogLevel }>): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    openDestination(),
  )
}

/** What waits in memory for a disk that is full; beyond it lines are dropped. */
const MAX_WAITING_BYTES = 1 << 20

/**
 * Standard error is a file for daemons, and its disk may be full. Pino would let that end the process; here lines wait, and are written
 * with the first line for which there is room again.
 */
function openDestination(): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING_BYTES })
  destination.on('error', () => undefined)
  return destination
}

/** A logger that writes nothing, for tests and for one-shot commands. */
export const silentLog = (): Logger => pino({ level: 'silent' })
