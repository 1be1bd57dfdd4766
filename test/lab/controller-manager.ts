// A real `weft controller-manager` process beside a real API server.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ApiServerLab } from './apiserver.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname

export class ControllerManagerLab implements AsyncDisposable {
  readonly lines: string[] = []
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** Resolves when it has said "ready". `args` are added to a command line without leader election; `organizations` are groups of its identity. */
  static async start(lab: Pick<ApiServerLab, 'kubeconfigFor'>, args: readonly string[] = [], organizations: readonly string[] = []): Promise<ControllerManagerLab> {
    // The identity and the rights it has in a cluster, not an administrator's.
    const kubeconfig = await lab.kubeconfigFor('controller-manager', { commonName: 'system:kube-controller-manager', organizations })
    const manager = ControllerManagerLab.spawn(kubeconfig, args)
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: manager.#process.stderr! }).on('line', line => line.includes('"msg":"ready"') && resolve())
      manager.#process.once('exit', code => reject(new Error(`the controller manager ended with ${code}:\n${manager.lines.join('\n')}`)))
    })
    return manager
  }

  /** Starts the process and waits for nothing. Later flags win. */
  static spawn(kubeconfig: string, args: readonly string[]): ControllerManagerLab {
    // A test that is killed must not leave its process behind (prctl(2), PR_SET_PDEATHSIG).
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath,
      MAIN, 'controller-manager', `--kubeconfig=${kubeconfig}`, '--secure-port=0', '--leader-elect=false',
      '--allocate-node-cidrs', '--cluster-cidr=10.244.0.0/16', '--service-cluster-ip-range=10.96.0.0/16', ...args,
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    const manager = new ControllerManagerLab(child)
    createInterface({ input: child.stderr! }).on('line', line => manager.lines.push(line))
    return manager
  }

  get pid(): number {
    return this.#process.pid!
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return this.#process.exitCode
    const ended = once(this.#process, 'exit')
    this.#process.kill(signal)
    const [code] = (await ended) as [number | null]
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
