// Runs a program to its end and answers what it printed; used by the peers' fetchers only.

import { execFile } from 'node:child_process'

export type RunOptions = Readonly<{ cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs: number }>

/** Resolves to standard output; rejects with the program's last lines when it fails. */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { cwd: options.cwd, env: options.env ?? process.env, timeout: options.timeoutMs, maxBuffer: 64 << 20, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout)
        const tail = `${stderr}${stdout}`.trim().split('\n').slice(-4).join(' | ')
        reject(new Error(`${program} ${args[0] ?? ''} failed: ${tail || error.message}`, { cause: error }))
      },
    )
  })
}
