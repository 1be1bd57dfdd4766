// The kernel that virtual machines boot: from the cache of peers, never downloaded by a test.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPeer } from '../peers/cache.ts'

export type GuestKernel = Readonly<{ image: string; release: string; modules: string }>

export const KERNEL_PEER = 'linux-6.1'

/** Undefined when the cache lacks it. */
export function findKernel(): GuestKernel | undefined {
  const folder = findPeer(KERNEL_PEER)
  if (folder === undefined) return undefined
  const [release] = readdirSync(join(folder, 'lib', 'modules'))
  return { image: join(folder, 'vmlinuz'), release: release!, modules: join(folder, 'lib', 'modules', release!) }
}

/** Paths below the modules' folder of those named and of all that they need. */
export function modulesWithNeeds({ modules }: GuestKernel, names: readonly string[]): readonly string[] {
  const needs = new Map(readFileSync(join(modules, 'modules.dep'), 'utf8').trim().split('\n').map(line => {
    const [path, rest = ''] = line.split(':')
    return [path!, rest.split(' ').filter(word => word !== '')] as const
  }))
  const found = new Set<string>()
  const add = (path: string): void => {
    if (found.has(path)) return
    found.add(path)
    for (const needed of needs.get(path) ?? []) add(needed)
  }
  for (const name of names) {
    const path = [...needs.keys()].find(candidate => candidate.endsWith(`/${name}.ko`))
    if (path === undefined) throw new Error(`the kernel in the cache has no module ${name}`)
    add(path)
  }
  return [...found]
}
