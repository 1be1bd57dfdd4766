// The command line: finds the subcommand by name and loads only that one's code.

import { flushCompileCache } from 'node:module'
import { commands } from './commands/index.ts'
import { InputError, WeftError } from './ops/errors.ts'

/**
 * Node writes its compile cache when a process ends by itself. A daemon may only ever be killed, and every next one would
 * load the type stripper again: half a second and 15 MB.
 */
const COMPILED_MS = 5_000

/** Runs `weft <name> …`; answers the exit code to set when the command ended by itself. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(usage())
    return name === undefined ? 2 : 0
  }
  const entry = commands.find(candidate => candidate.name === name)
  if (entry === undefined) {
    process.stderr.write(`weft: there is no command "${name}"\n\n${usage()}`)
    return 2
  }
  const { command } = await entry.load()
  setTimeout(flushCompileCache, COMPILED_MS).unref()
  try {
    await command().name(`weft ${entry.name}`).description(entry.summary).parseAsync(rest, { from: 'user' })
  } catch (error) {
    // An error of our own says what to do; where in the code it was raised helps nobody who reads it here.
    if (!(error instanceof WeftError)) throw error
    process.stderr.write(`weft ${entry.name}: ${error.message} (${error.code})\n`)
    return error instanceof InputError ? 2 : 1
  }
  return Number(process.exitCode ?? 0)
}

function usage(): string {
  const width = Math.max(...commands.map(entry => entry.name.length))
  const lines = commands.map(entry => `  ${entry.name.padEnd(width)}  ${entry.summary}`)
  return `Usage: weft <command> [options]\n\nCommands:\n${lines.join('\n')}\n\n"weft <command> --help" tells more.\n`
}

process.exitCode = await main(process.argv.slice(2))
