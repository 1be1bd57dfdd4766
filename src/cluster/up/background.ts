// `weft up --detach`: the same `weft up` as a process of its own, whose output is relayed until the cluster is up.

import { spawn } from 'node:child_process'
import { CLUSTER_VARIABLE, type ClusterName } from '../cluster-name.ts'
import type { ClusterOptions } from '../cluster-options.ts'
import { HeldLog } from '../console/held-log.ts'
import { clusterPaths } from '../cluster-paths.ts'
import { ownProgram } from './own-program.ts'
import type { UpTerminal } from './foreground.ts'

type Message = Readonly<{ kind: 'text'; text: string } | { kind: 'ready' }>

/** Runs `weft <words> --background` and answers its exit code, or 0 as soon as the cluster is up. */
export async function upInBackground(cluster: ClusterOptions, words: readonly string[]): Promise<number> {
  const { node, main } = ownProgram()
  const child = spawn(node, [main, ...words, '--background'], {
    cwd: '/',
    detached: true,
    // Its name in the environment lets `weft down` find it like every other process of the cluster.
    env: { ...process.env, [CLUSTER_VARIABLE]: cluster.name },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  child.stderr!.pipe(process.stderr)
  const stop = (): void => void child.kill('SIGTERM')
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, stop)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code ?? 1))
      child.on('message', (message: Message) => {
        if (message.kind === 'ready') resolve(0)
        else process.stdout.write(message.text)
      })
    })
  } finally {
    for (const name of signals) process.off(name, stop)
    child.stderr!.destroy()
    if (child.connected) child.disconnect()
    child.unref()
  }
}

/** The terminal of a background process: its parent while that listens, and the cluster's log as soon as it has a folder. */
export function backgroundTerminal(name: ClusterName): UpTerminal {
  const log = new HeldLog(clusterPaths(name).log)
  const send = (message: Message): void => {
    if (process.connected) process.send!(message, undefined, undefined, () => undefined)
  }
  return {
    isTty: false,
    write: text => {
      send({ kind: 'text', text })
      log.write(text)
    },
    ready: () => send({ kind: 'ready' }),
  }
}
