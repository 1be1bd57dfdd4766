// What this machine is, as the Node object shows it.

import { readFileSync, statfsSync } from 'node:fs'
import { arch, availableParallelism, release, totalmem } from 'node:os'
import type { MachineFacts } from './node-object-plan.ts'

/** Go's names of Node's architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }

export function readMachineFacts(known: Pick<MachineFacts, 'name' | 'addresses' | 'maxPods' | 'labels' | 'version' | 'kubeletPort'> & Readonly<{ rootFolder: string }>): MachineFacts {
  const { rootFolder, ...rest } = known
  const { blocks, bsize } = statfsSync(rootFolder)
  return {
    ...rest,
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: blocks * bsize,
    architecture: ARCHITECTURES[arch()] ?? arch(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux',
    bootId: textOf('/proc/sys/kernel/random/boot_id').trim(),
    machineId: textOf('/etc/machine-id').trim(),
  }
}

/** Containers and minimal systems lack some of these files. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
