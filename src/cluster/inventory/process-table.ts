// Processes that belong to a cluster, found by what the kernel says about each: the network namespace it is in
// (daemons, pods) and the cluster that stands in its environment (whatever they started).

import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../../ops/errors.ts'
import { CLUSTER_VARIABLE } from '../cluster-name.ts'

export type FoundProcess = Readonly<{
  pid: number
  /** In clock ticks since boot (proc(5)): a pid that was given to another process differs here. */
  startTime: string
  /** The command line's words. */
  command: readonly string[]
  /** Inode of the network namespace. */
  netnsInode: number
}>

/** Processes in one of the network namespaces (by inode) or with the cluster's name in their environment; never this one. */
export async function findProcesses(of: Readonly<{ netnsInodes: ReadonlySet<number>; cluster: string }>): Promise<readonly FoundProcess[]> {
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry)).map(Number)
  const found = await Promise.all(pids.filter(pid => pid !== process.pid).map(pid => inspect(pid, of)))
  return found.filter(process => process !== undefined)
}

async function inspect(pid: number, of: Parameters<typeof findProcesses>[0]): Promise<FoundProcess | undefined> {
  try {
    const netnsInode = Number(/^net:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/ns/net`))?.[1])
    if (!of.netnsInodes.has(netnsInode) && !(await words(pid, 'environ')).includes(`${CLUSTER_VARIABLE}=${of.cluster}`)) return undefined
    return { pid, startTime: await startTimeOf(pid), command: await words(pid, 'cmdline'), netnsInode }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

const words = async (pid: number, file: 'cmdline' | 'environ'): Promise<readonly string[]> =>
  (await readFile(`/proc/${pid}/${file}`, 'utf8')).split('\0').slice(0, -1)

/** Field 22 of /proc/<pid>/stat; the second field may contain spaces and brackets, so counting begins behind its last bracket. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
}

/** True while that very process exists and is no zombie. */
export async function isAlive(process: Pick<FoundProcess, 'pid' | 'startTime'>): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${process.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[19] === process.startTime && fields[0] !== 'Z' && fields[0] !== 'X'
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** Resident memory in bytes (VmRSS of proc(5)); undefined when the process is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Sends SIGKILL and waits until all are gone. Throws when one outlives `timeoutMs` (a process stuck in the kernel). */
export async function killAndWait(processes: readonly Pick<FoundProcess, 'pid' | 'startTime' | 'command'>[], timeoutMs: number): Promise<void> {
  for (const process of processes) if (await isAlive(process)) kill(process.pid, 'SIGKILL')
  const deadlineMs = performance.now() + timeoutMs
  for (const process of processes) {
    while (await isAlive(process)) {
      if (performance.now() > deadlineMs) {
        throw new WeftError('PROCESS_UNKILLABLE', `process ${process.pid} (${process.command.join(' ')}) does not end; it waits in the kernel`, { pid: process.pid })
      }
      await delay(10)
    }
  }
}

/** Sends a signal; a process that is gone is success. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

const isGone = (error: unknown): boolean => ['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')
