// What a killed run leaves behind: namespaces whose name tells which process made them. Whoever opens a lab next removes them.

import { readdirSync, readFileSync } from 'node:fs'
import { netnsIdentity } from '../../src/net/netns/identity.ts'
import { isNetnsPath, removeNetns } from '../../src/net/netns/named-netns.ts'
import { endProcessesIn } from './processes.ts'

const FOLDER = '/run/netns'
const NAME = /^weftlab-(\d+)-(\d+)-/

/** Start of every namespace path of this process: pid and start time, because pids come back. */
export const labPrefix = (): string => `${FOLDER}/weftlab-${process.pid}-${startTime(process.pid) ?? 0}-`

/** Removes the namespaces of processes that are gone, and every process still running in them. */
export async function sweepLeftovers(): Promise<void> {
  const paths = listed().filter(name => {
    const [, pid, started] = NAME.exec(name) ?? []
    return pid !== undefined && started !== undefined && startTime(Number(pid)) !== started
  }).map(name => `${FOLDER}/${name}`)
  if (paths.length === 0) return
  await endProcessesIn(paths.filter(isNetnsPath).map(netnsIdentity))
  for (const path of paths) removeNetns(path)
}

function listed(): readonly string[] {
  try {
    return readdirSync(FOLDER)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Field 22 of /proc/<pid>/stat, counted behind the command in parentheses, which may hold anything. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined // no such process
  }
}
