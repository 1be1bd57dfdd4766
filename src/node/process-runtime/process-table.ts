// Processes as /proc shows them: whether a shim lives, what it started, and who is in a sandbox.

import { readdir, readFile, readlink } from 'node:fs/promises'

export type ProcessId = Readonly<{
  pid: number
  /** Clock ticks since boot (proc(5)): tells a process from a later one with the same pid. */
  startTime: string
}>

/** Reads "pid starttime", as a shim writes it; undefined while it is not there. */
export async function readProcessId(path: string): Promise<ProcessId | undefined> {
  try {
    const [pid, startTime] = (await readFile(path, 'utf8')).trim().split(' ')
    return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** True while that very process runs; a zombie does not. */
export async function isAlive({ pid, startTime }: ProcessId): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The second field, the command in parentheses, may hold anything: count behind its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[19] === startTime && fields[0] !== 'Z' && fields[0] !== 'X'
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** The process that is pid 1 of its container: a grandchild of the shim (shim, unshare, init). */
export async function containerInit(shim: ProcessId): Promise<number | undefined> {
  if (!(await isAlive(shim))) return undefined
  const [unshare] = await childrenOf(shim.pid)
  return unshare === undefined ? undefined : (await childrenOf(unshare))[0]
}

/** Everything a shim has started so far, outermost first. */
export async function startedBy(shim: ProcessId): Promise<readonly number[]> {
  const [unshare] = (await isAlive(shim)) ? await childrenOf(shim.pid) : []
  return unshare === undefined ? [] : [unshare, ...(await childrenOf(unshare))]
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  try {
    return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(word => word !== '').map(Number)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Pids of all processes whose host-name namespace has that inode: every sandbox has one of its own, host network or not. */
export async function processesInUts(inode: bigint): Promise<readonly number[]> {
  const wanted = `uts:[${inode}]`
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(async pid => {
    try {
      return (await readlink(`/proc/${pid}/ns/uts`)) === wanted ? [Number(pid)] : []
    } catch (error) {
      if (isGone(error)) return []
      throw error
    }
  }))
  return found.flat()
}

/** Sends a signal; a process that is gone is success. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

const isGone = (error: unknown): boolean => ['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')
