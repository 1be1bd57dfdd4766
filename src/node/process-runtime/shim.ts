// The one process that outlives us: a shell that starts a container, waits for it and writes down how it ended. It sits in
// a session of its own, so nothing that happens to the node part reaches it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../start-error.ts'

/**
 * $1 container folder, $2 file to touch at the end, the rest is the program.
 *
 * The pid is written before the folder `started` is made, and mkdir(2) succeeds once: whoever makes that folder first, the
 * shim or a node part that was restarted in between, decides whether the container runs. The exit code is complete or absent.
 */
const SCRIPT = `
dir=$1; wake=$2; shift 2
read -r stat < /proc/$$/stat
rest=\${stat##*) }
start() { echo "$$ \${20}"; }
start $rest > "$dir/pid.new" && mv "$dir/pid.new" "$dir/pid" && mkdir "$dir/started" 2> /dev/null || exit 1
"$@"
echo $? > "$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
echo > "$wake"
`

/** What container runtimes set when neither image nor pod does. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The namespaces a container joins and those it gets for itself. */
export type Isolation = Readonly<{
  /** Undefined for a pod on the host's network. */
  net: string | undefined
  uts: string
  ipc: string
}>

/**
 * The program that puts another into its namespaces. `--propagation slave` lets the host's unmounts reach the container's
 * copy of the mount table, which would otherwise keep other pods' namespaces alive. The chain dies with the shim
 * (setpriv, then --kill-child), so nothing runs on that nobody waits for.
 */
const isolated = ({ isolation, command, env: { PATH: path = DEFAULT_PATH } }: ShimStart): readonly string[] => [
  'setpriv', '--pdeathsig', 'KILL',
  'nsenter', ...(isolation.net === undefined ? [] : [`--net=${isolation.net}`]), `--uts=${isolation.uts}`, `--ipc=${isolation.ipc}`, '--',
  'unshare', '--pid', '--fork', '--kill-child', '--mount', '--propagation', 'slave', '--mount-proc', '--',
  // The programs above are looked for where we find ours, the container's where the container says.
  'env', `PATH=${path}`, ...command,
]

export type ShimStart = Readonly<{
  folder: string
  wakeFile: string
  isolation: Isolation
  command: readonly string[]
  env: Readonly<Record<string, string>>
  workingFolder: string
  /** Told when the shim is gone, however it ended, as long as this process lives. */
  onExit: () => void
}>

/** Starts a shim and resolves as soon as it exists. Its output, and the container's, goes to the folder's log. */
export async function startShim(start: ShimStart): Promise<void> {
  const log = openSync(join(start.folder, 'log'), 'a', 0o640)
  try {
    const shim = spawn('/bin/sh', ['-c', SCRIPT, 'weft-shim', start.folder, start.wakeFile, ...isolated(start)], {
      detached: true, cwd: start.workingFolder, env: { ...start.env, PATH: process.env['PATH'] ?? DEFAULT_PATH }, stdio: ['ignore', log, log],
    })
    await Promise.race([once(shim, 'spawn'), once(shim, 'error').then(([error]) => Promise.reject(error as Error))])
    shim.on('exit', start.onExit)
    shim.unref()
  } catch (cause) {
    throw new StartError('CreateContainerError', `cannot start the container in ${start.workingFolder}: ${(cause as Error).message}`, {}, { cause })
  } finally {
    closeSync(log)
  }
}
