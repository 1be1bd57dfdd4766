// The life of a daemon process: stop on SIGTERM/SIGINT, a second signal kills, errors set the exit code.

import type { Logger } from './log.ts'

/**
 * Runs `main` until it ends or the process is told to stop.
 *
 * SIGTERM and SIGINT abort the signal given to `main`, which releases what it holds and returns;
 * a second one ends the process at once. Exit code: 0 after an orderly end, 1 when `main` rejects.
 */
export async function runProcess(log: Logger, main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130)
    log.info({ signal: name }, 'stopping')
    controller.abort(new DOMException(`stopped by ${name}`, 'AbortError'))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  try {
    await main(controller.signal)
  } catch (err) {
    if (!controller.signal.aborted || err !== controller.signal.reason) {
      log.fatal({ err }, 'ended by an error')
      process.exitCode = 1
    }
  } finally {
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
  }
}
