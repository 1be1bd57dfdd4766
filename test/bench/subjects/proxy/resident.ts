// What a process takes: memory, and processor time while nothing happens.

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** VmRSS in megabytes. */
export function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN) / 1024
}

/** USER_HZ, in which /proc counts processor time, on every architecture that Node runs on (proc(5)). */
const TICKS_PER_SECOND = 100

const processorSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Per process, the part of one core (in percent) that it used in the next `seconds`. */
export async function processorPercent(pids: readonly number[], seconds: number): Promise<readonly number[]> {
  const before = pids.map(processorSeconds)
  await delay(seconds * 1000)
  return pids.map((pid, i) => ((processorSeconds(pid) - before[i]!) / seconds) * 100)
}
