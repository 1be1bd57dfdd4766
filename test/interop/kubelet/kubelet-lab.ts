// A real kubelet inside a host of the lab, over a real containerd.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPeer } from '../../peers/cache.ts'
import type { LabNetns } from '../../lab/lab-netns.ts'

export const KUBELET = 'kubelet-1.36.3'

export type KubeletOptions = Readonly<{ host: LabNetns; nodeName: string; nodeIp: string; kubeconfig: string; clientCa: string; runtime: string }>

export class KubeletLab implements AsyncDisposable {
  readonly #folder: string
  readonly #process: ChildProcess
  log = ''

  private constructor(folder: string, process: ChildProcess) {
    this.#folder = folder
    this.#process = process
    process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.log += text))
  }

  static start({ host, nodeName, nodeIp, kubeconfig, clientCa, runtime }: KubeletOptions): KubeletLab {
    const folder = mkdtempSync(join(tmpdir(), 'weft-kubelet-'))
    for (const name of ['root', 'manifests', 'pki', 'logs']) mkdirSync(join(folder, name))
    const config = join(folder, 'config.json')
    writeFileSync(config, JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration',
      containerRuntimeEndpoint: `unix://${runtime}`, podLogsDir: join(folder, 'logs'), resolvConf: '',
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false }, x509: { clientCAFile: clientCa } }, authorization: { mode: 'AlwaysAllow' },
      // The machine may be of either generation of cgroups, and its tree is not ours to arrange.
      failCgroupV1: false, cgroupDriver: 'cgroupfs', cgroupsPerQOS: false, enforceNodeAllocatable: [], failSwapOn: false,
      // Shared machines are short of disk and memory in ways that are none of the test's business.
      evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' }, imageGCHighThresholdPercent: 100, localStorageCapacityIsolation: false,
      nodeStatusUpdateFrequency: '1s', syncFrequency: '1s', healthzBindAddress: '127.0.0.1', readOnlyPort: 0, makeIPTablesUtilChains: false,
    }))
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', `--net=${host.netns}`, '--', findPeer(KUBELET)!,
      '--config', config, '--kubeconfig', kubeconfig, '--hostname-override', nodeName, '--node-ip', nodeIp, '--root-dir', join(folder, 'root'), '--cert-dir', join(folder, 'pki'), '--v', '2',
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    return new KubeletLab(folder, child)
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      const ended = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await ended
    }
    execFileSync('bash', ['-c', `for m in $(awk '{print $2}' /proc/mounts | grep "^${this.#folder}/" | sort -r); do umount -l "$m"; done`])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
