// Kernel settings under /proc/sys, read and written synchronously so that they work inside `inNetns`:
// /proc/sys/net answers for the network namespace of the calling thread.

import { readFileSync, writeFileSync } from 'node:fs'
import { WeftError } from '../../ops/errors.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { inNetns } from '../netns/in-netns.ts'

/** Path parts, not a dotted name: link names may contain dots ("net/ipv4/conf/eth0.5/rp_filter"). */
const pathOf = (name: string): string => `/proc/sys/${name}`

const entering = <T>(netns: NetnsReference | undefined, work: () => T): T => (netns === undefined ? work() : inNetns(netns, work))

/** Reads a setting, without the trailing line break; undefined when this kernel or link has no such setting. */
export function readSysctl(name: string, options: Readonly<{ netns?: NetnsReference }> = {}): string | undefined {
  return entering(options.netns, () => {
    try {
      return readFileSync(pathOf(name), 'utf8').trimEnd()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new WeftError('SYSCTL_FAILED', `cannot read the kernel setting ${name}`, { sysctl: name }, { cause: error })
    }
  })
}

/** Writes settings ("net/ipv4/ip_forward": "1"), all within one stay in the namespace. Throws on the first that is refused. */
export function writeSysctls(settings: Readonly<Record<string, string>>, options: Readonly<{ netns?: NetnsReference }> = {}): void {
  entering(options.netns, () => {
    for (const [name, value] of Object.entries(settings)) {
      try {
        writeFileSync(pathOf(name), value)
      } catch (error) {
        throw new WeftError('SYSCTL_FAILED', `cannot set the kernel setting ${name} to ${value}`, { sysctl: name, value }, { cause: error })
      }
    }
  })
}
