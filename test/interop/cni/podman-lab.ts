// A real podman inside a host of the lab, wired by CNI, with containers whose root is a static busybox.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { findPeer } from '../../peers/cache.ts'
import type { CniLab } from '../../kernel/cni/cni-lab.ts'

const PODMAN = findPeer('podman-4.3/podman')
const RUNC = findPeer('runc-1.1')
const BUSYBOX = findPeer('busybox-1.35')

/** Name of the first peer that is missing. */
export const missingForPodman = Object.entries({ 'podman-4.3': PODMAN, 'runc-1.1': RUNC, 'busybox-1.35': BUSYBOX }).find(([, path]) => path === undefined)?.[0]

export class PodmanLab implements AsyncDisposable {
  readonly rootfs: string
  readonly #lab: CniLab
  readonly #folder: string

  private constructor(lab: CniLab, folder: string) {
    this.#lab = lab
    this.#folder = folder
    this.rootfs = join(folder, 'rootfs')
  }

  /** Storage, state and configuration of its own; networks and plugins are what the agent of `lab` published. */
  static open(lab: CniLab): PodmanLab {
    const podman = new PodmanLab(lab, mkdtempSync(join(tmpdir(), 'weft-podman-')))
    podman.#makeRoot()
    podman.#configure()
    return podman
  }

  /** Runs podman to its end and answers what it printed; throws with its words when it failed. */
  async run(...args: readonly string[]): Promise<string> {
    const at = (name: string): string => join(this.#folder, name)
    const { stdout, stderr, code } = await this.#lab.host.exec(
      [PODMAN!, '--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp'), '--storage-driver', 'vfs', ...args],
      {
        check: false, timeoutMs: 60_000,
        env: { LD_LIBRARY_PATH: dirname(PODMAN!), CONTAINERS_CONF: at('containers.conf'), WEFT_CNI_SOCKET: this.#lab.socketPath, WEFT_CNI_QUEUE: join(this.#lab.folder, 'queue') },
      },
    )
    if (code !== 0) throw new Error(`podman ${args[0]} failed: ${stderr}`)
    return stdout.trim()
  }

  /** Starts a container in the background; answers its id. */
  start(name: string, options: readonly string[], ...command: readonly string[]): Promise<string> {
    return this.run('run', '-d', '--name', name, '--network', 'weft', '--cgroup-parent', `/${basename(this.#folder)}`, ...options, '--rootfs', this.rootfs, ...command)
  }

  #makeRoot(): void {
    for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'www']) mkdirSync(join(this.rootfs, name), { recursive: true })
    copyFileSync(BUSYBOX!, join(this.rootfs, 'bin', 'busybox'))
    for (const name of ['sh', 'sleep', 'httpd', 'wget', 'ip', 'cat']) symlinkSync('busybox', join(this.rootfs, 'bin', name))
    writeFileSync(join(this.rootfs, 'www', 'index.html'), 'served by busybox\n')
  }

  #configure(): void {
    writeFileSync(join(this.#folder, 'containers.conf'), `
[network]
network_backend = "cni"
default_network = "weft"
cni_plugin_dirs = ["${join(this.#lab.folder, 'bin')}"]
network_config_dir = "${join(this.#lab.folder, 'conf')}"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
conmon_path = ["${join(dirname(PODMAN!), 'conmon')}"]
runtime = "runc"
[engine.runtimes]
runc = ["${RUNC}"]
[containers]
log_driver = "none"
seccomp_profile = "unconfined"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run('rm', '--all', '--force', '--time', '0').catch(() => undefined)
    execFileSync('bash', ['-c', `for m in $(awk '{print $2}' /proc/mounts | grep "^${this.#folder}/" | sort -r); do umount -l "$m"; done; find /sys/fs/cgroup -depth -type d -path '*/${basename(this.#folder)}*' -exec rmdir {} + 2>/dev/null; true`])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
