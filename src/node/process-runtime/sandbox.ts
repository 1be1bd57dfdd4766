// A pod's sandbox: the namespaces that its containers share (network, host name, IPC), mounted under its folder, and their
// connection to the pod network.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../../ops/errors.ts'
import { createNetns, isNetnsPath, removeNetns } from '../../net/netns/named-netns.ts'
import { openRtnl } from '../../net/rtnetlink/rtnl.ts'
import type { AttachRequest, CniNetwork } from '../cni/cni-network.ts'
import type { NetworkConfig } from '../cni/network-config.ts'
import { replaceFile } from '../../ops/replace-file.ts'
import type { SandboxRecord } from './pod-folders.ts'
import { processesInUts, signalProcess } from './process-table.ts'
import type { Isolation } from './shim.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

/** How long killed processes may take to be gone; one that waits in the kernel takes longer and the removal is tried again. */
const KILL_WAIT_MS = 5_000

const recordPath = (folder: string): string => join(folder, 'sandbox.json')

export const isolationOf = (folder: string, record: SandboxRecord): Isolation => ({
  net: record.network === undefined ? undefined : join(folder, 'net'),
  uts: join(folder, 'uts'),
  ipc: join(folder, 'ipc'),
})

/** Makes the sandbox that `record` describes. The record is written first: whatever follows can be found and removed. */
export async function createSandbox(options: Cancel & Readonly<{ folder: string; record: SandboxRecord; hostName: string; network: CniNetwork }>): Promise<void> {
  const { folder, record, hostName, network, signal } = options
  await replaceFile(recordPath(folder), JSON.stringify(record))
  await makeHostNamespaces(folder, hostName)
  const addresses = record.network === undefined ? [] : await connect(folder, record, record.network, network, { signal })
  await replaceFile(recordPath(folder), JSON.stringify({ ...record, addresses, complete: true } satisfies SandboxRecord))
}

async function connect(folder: string, record: SandboxRecord, config: NetworkConfig, network: CniNetwork, { signal }: Cancel): Promise<readonly string[]> {
  const netns = join(folder, 'net')
  createNetns(netns)
  {
    await using rtnl = openRtnl({ netns })
    await rtnl.links.change('lo', { up: true }, { signal })
  }
  return network.attach(config, attachRequestOf(folder, record), { signal })
}

/** As every verb is asked; the namespace is empty once it is gone. */
export function attachRequestOf(folder: string, { id, args, capabilities }: SandboxRecord): AttachRequest {
  const netns = join(folder, 'net')
  return { containerId: id, netns: existsSync(netns) && isNetnsPath(netns) ? netns : '', args, capabilities }
}

/** unshare(1) mounts the new namespaces on these files; the shell gives the host name its value. */
async function makeHostNamespaces(folder: string, hostName: string): Promise<void> {
  for (const name of ['uts', 'ipc']) await writeFile(join(folder, name), '')
  const child = spawn('unshare', [`--uts=${join(folder, 'uts')}`, `--ipc=${join(folder, 'ipc')}`, '--', 'sh', '-c', 'echo "$1" > /proc/sys/kernel/hostname', 'sh', hostName], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new WeftError('SANDBOX_NOT_MADE', `unshare could not make a pod's namespaces: ${stderr.trim() || `exit code ${code}`}`, { folder }, { retryable: true })
}

/** True while everything that the record promises still stands; a reboot takes the namespaces and leaves the files. */
export function isStanding(folder: string, record: SandboxRecord): boolean {
  const { net, uts } = isolationOf(folder, record)
  return record.complete && existsSync(uts) && isMounted(uts) && (net === undefined || isNetnsPath(net))
}

/** Any namespace file will do: all are of the file system nsfs. */
const isMounted = isNetnsPath

/** Ends all processes inside, disconnects, unmounts. Every step succeeds when it has been done before. */
export async function removeSandbox(options: Cancel & Readonly<{ folder: string; record: SandboxRecord; network: CniNetwork }>): Promise<void> {
  const { folder, record, network, signal } = options
  const { uts, ipc } = isolationOf(folder, record)
  if (existsSync(uts) && isMounted(uts)) await endProcesses((await stat(uts, { bigint: true })).ino, { signal })
  if (record.network !== undefined) {
    await network.detach(record.network, attachRequestOf(folder, record), { signal })
    removeNetns(join(folder, 'net'))
  }
  for (const path of [uts, ipc]) removeNetns(path)
  await rm(folder, { recursive: true, force: true })
}

async function endProcesses(utsInode: bigint, { signal }: Cancel): Promise<void> {
  const end = performance.now() + KILL_WAIT_MS
  for (;;) {
    const pids = await processesInUts(utsInode)
    if (pids.length === 0) return
    if (performance.now() > end) throw new WeftError('SANDBOX_BUSY', `processes ${pids.join(', ')} of a pod do not end; they wait in the kernel`, { pids }, { retryable: true })
    for (const pid of pids) signalProcess(pid, 'SIGKILL')
    await delay(5, undefined, { signal })
  }
}

