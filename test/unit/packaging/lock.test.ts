// The lock file must be complete: npm leaves out platform packages that a registry does not carry when the
// lock is written, and `npm ci` on a fresh machine then refuses the whole file.

import test from 'ava'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Entry = Readonly<{ version?: string; integrity?: string; resolved?: string; optionalDependencies?: Readonly<Record<string, string>> }>

const ROOT = join(import.meta.dirname, '..', '..', '..')
const LOCKS = ['package-lock.json', 'runtime/package-lock.json']

const packagesOf = (lock: string): ReadonlyMap<string, Entry> =>
  new Map(Object.entries((JSON.parse(readFileSync(join(ROOT, lock), 'utf8')) as { packages: Record<string, Entry> }).packages))

for (const lock of LOCKS) {
  test(`every optional dependency has an entry in ${lock}`, t => {
    const packages = packagesOf(lock)
    const missing = [...packages].flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter(name => !packages.has(`node_modules/${name}`) && !packages.has(`${path}/node_modules/${name}`))
        .map(name => `${path}: ${name}`),
    )
    t.deepEqual(missing, [])
  })

  test(`every package in ${lock} is pinned by version and integrity, and none names a registry`, t => {
    const loose = [...packagesOf(lock)].filter(
      ([path, entry]) =>
        path !== '' && (entry.version === undefined || entry.integrity === undefined || entry.resolved !== undefined),
    )
    t.deepEqual(loose.map(([path]) => path), [])
  })
}
