// Settings of a pod's namespace, written and compared within one stay in it.

import { inNetns } from '../../../src/net/netns/in-netns.ts'
import { readSysctl, writeSysctls } from '../../../src/net/sysctl/sysctl.ts'
import { CniError } from '../cni-error.ts'
import type { PodSettings } from '../config/pod-settings.ts'

export function applyPodSettings(netnsFd: number, settings: PodSettings): void {
  if (Object.keys(settings).length > 0) writeSysctls(settings, { netns: netnsFd })
}

/** Throws 117 on the first that has another value. */
export function checkPodSettings(netnsFd: number, settings: PodSettings): void {
  const names = Object.keys(settings)
  if (names.length === 0) return
  const present = inNetns(netnsFd, () => names.map(name => readSysctl(name)))
  const other = names.findIndex((name, index) => present[index] !== settings[name])
  if (other !== -1) throw new CniError('CNI_CHECK_MISMATCH', `kernel setting ${names[other]}: expected ${settings[names[other]!]}, found ${present[other] ?? 'none'}`)
}
