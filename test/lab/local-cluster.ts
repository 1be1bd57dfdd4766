// A cluster made by ./weft up, under a name of its own, removed by ./weft down whatever the test did.

import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress } from '../../src/net/ip/address.ts'
import { parseClusterName, type ClusterName } from '../../src/cluster/cluster-name.ts'
import { clusterPaths } from '../../src/cluster/cluster-paths.ts'
import { parseClusterPlan, type ClusterPlan } from '../../src/cluster/cluster-plan.ts'
import { takeInventory } from '../../src/cluster/inventory/inventory.ts'
import type { Component } from '../../src/cluster/supervisor/daemon.ts'

const ROOT = join(import.meta.dirname, '..', '..')

export type Finished = Readonly<{ code: number; stdout: string; stderr: string }>

/** A name that no other run uses. */
export const freshClusterName = (): ClusterName => parseClusterName(`e${randomInt(36 ** 7).toString(36)}`, 'name')

/** Runs a program to its end; never rejects for its exit code. */
export const run = (program: string, args: readonly string[], options: Readonly<{ input?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number }> = {}): Promise<Finished> =>
  new Promise(resolve => {
    const child = execFile(program, args, { cwd: ROOT, env: { ...process.env, ...options.env }, timeout: options.timeoutMs ?? 120_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }))
    child.stdin!.on('error', () => undefined)
    child.stdin!.end(options.input ?? '')
  })

export const weft = (args: readonly string[]): Promise<Finished> => run(join(ROOT, 'weft'), args)

export class LocalCluster implements AsyncDisposable {
  readonly name: ClusterName
  /** What `weft up` printed. */
  readonly output: string
  readonly plan: ClusterPlan

  /** Brings a cluster up in the background. Fails with all it printed. */
  static async up(flags: readonly string[] = [], name: ClusterName = freshClusterName()): Promise<LocalCluster> {
    const { code, stdout, stderr } = await weft(['up', '--detach', '--name', name, ...flags])
    if (code === 0) return new LocalCluster(name, stdout)
    await weft(['down', '--name', name])
    throw new Error(`weft up ended with ${code}:\n${stdout}\n${stderr}`)
  }

  private constructor(name: ClusterName, output: string) {
    this.name = name
    this.output = output
    const { plan } = clusterPaths(name)
    this.plan = parseClusterPlan(readFileSync(plan, 'utf8'), plan)
  }

  get kubeconfig(): string {
    return clusterPaths(this.name).kubeconfig
  }

  /** Address of the n-th host, counted from 1 as its name is. */
  address(host: number): string {
    return formatAddress(this.plan.hosts[host - 1]!.address)
  }

  netns(host: number): string {
    return this.plan.hosts[host - 1]!.netns
  }

  /** Runs the real kubectl; answers its stdout. Fails with its stderr. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await run('kubectl', args, { env: { KUBECONFIG: this.kubeconfig, HOME: '/nonexistent' }, ...(input !== undefined && { input }) })
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  /** Pid of a daemon on the n-th host; undefined while it does not run. */
  async daemonPid(host: number, component: Component): Promise<number | undefined> {
    const inode = statSync(this.netns(host)).ino
    const { processes } = await takeInventory(this.name)
    return processes.find(({ command, netnsInode }) => netnsInode === inode && command.some((word, index) => /\/main\.(?:ts|mjs)$/.test(word) && command[index + 1] === component))?.pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { code, stdout, stderr } = await weft(['down', '--name', this.name])
    if (code !== 0) throw new Error(`weft down ended with ${code}: ${stdout}${stderr}`)
  }
}
