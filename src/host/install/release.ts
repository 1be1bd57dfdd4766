// The program itself, put into a folder of its own: sources, the packages they need at run time, the CNI plugin, Node.js.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { WeftError } from '../../ops/errors.ts'
import { BUNDLE, LIBRARY } from '../host-paths.ts'
import type { HostFiles } from './host-files.ts'

/** What of a checkout, or of the npm package, makes a running Weft. Documentation goes along for `systemctl help`. */
const PARTS = ['weft', 'package.json', 'LICENSE', 'README.md', 'runtime/setup.sh', 'runtime/bundle.mjs', 'runtime/package.json', 'src', 'cni/plugin', 'cni/shim/build/weft-cni', 'docs'] as const

const SHIM = 'cni/shim/build/weft-cni'
/** Releases kept beside the one in use, so that a daemon that still runs from one finds its files. */
const KEPT = 1

/** Puts the program at `source` in place unless it is there; answers the release's folder. Does not switch to it. */
export async function placeRelease(files: HostFiles, source: string): Promise<string> {
  if (!existsSync(join(source, SHIM))) throw new WeftError('CNI_SHIM_MISSING', `the CNI plugin is not built: run make -C ${join(source, 'cni/shim')}`, { path: join(source, SHIM) })
  const release = `${LIBRARY}/${await releaseName(source)}`
  const target = files.at(release)
  if (existsSync(target)) return release
  const unfinished = `${target}.part`
  await rm(unfinished, { recursive: true, force: true })
  for (const part of PARTS) {
    if (!existsSync(join(source, part))) continue
    await mkdir(dirname(join(unfinished, part)), { recursive: true, mode: 0o755 })
    await cp(join(source, part), join(unfinished, part), { recursive: true })
  }
  const modules = realpathSync(join(source, 'node_modules'))
  for (const folder of await runtimePackages(source, modules)) {
    // Packages nested in another come with it only if they are needed, too: each is copied by itself.
    await cp(join(modules, folder), join(unfinished, 'node_modules', folder), { recursive: true, filter: path => !relative(join(modules, folder), path).split('/').includes('node_modules') })
  }
  await mkdir(join(unfinished, 'runtime/bin'), { recursive: true, mode: 0o755 })
  await copyFile(process.execPath, join(unfinished, 'runtime/bin/node'))
  // Last, since it must be younger than the sources that it is made of (runtime/setup.sh, bundle_ready).
  await bundle(unfinished)
  await makeReadable(unfinished)
  await rename(unfinished, target)
  return release
}

/** The daemons run from one flat folder of modules (docs/decisions/bundle.md). */
async function bundle(release: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [join(release, 'runtime/bundle.mjs'), join(release, BUNDLE)])
  } catch (cause) {
    throw new WeftError('RELEASE_NOT_BUNDLED', `the sources do not bundle: ${(cause as { stderr?: string }).stderr?.trim() ?? (cause as Error).message}`, { release }, { cause })
  }
}

/** Version, and a digest of everything that is not a locked package. */
async function releaseName(source: string): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const part of [...PARTS, 'package-lock.json']) {
    const at = join(source, part)
    for (const path of existsSync(at) ? await filesBelow(at) : []) hash.update(`\0${relative(source, path)}\0`).update(await readFile(path))
  }
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string }
  return `${version}-${hash.digest('hex').slice(0, 12)}`
}

async function filesBelow(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return undefined
    throw error
  })
  return entries === undefined ? [path] : entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).sort()
}

type Manifest = Readonly<{ dependencies?: Readonly<Record<string, string>>; optionalDependencies?: Readonly<Record<string, string>> }>

/** Folders below `modules` of all packages that the program needs when it runs, found as Node.js finds them. */
export async function runtimePackages(source: string, modules: string): Promise<readonly string[]> {
  const found = new Set<string>()
  const manifest = async (folder: string): Promise<Manifest> => JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  const visit = async ({ dependencies = {}, optionalDependencies = {} }: Manifest, from: string): Promise<void> => {
    for (const name of new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)])) {
      const folder = resolveFrom(modules, from, name)
      if (folder === undefined) {
        // npm leaves out packages that are for other platforms.
        if (name in optionalDependencies) continue
        throw new WeftError('PACKAGE_MISSING', `the package ${name} is not installed in ${modules}: run npm ci`, { package: name })
      }
      if (found.has(folder)) continue
      found.add(folder)
      await visit(await manifest(join(modules, folder)), folder)
    }
  }
  await visit(await manifest(source), '')
  return [...found].sort()
}

/** The innermost node_modules that has the package, from the dependent outwards. */
function resolveFrom(modules: string, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.includes('/node_modules/') ? folder.slice(0, folder.lastIndexOf('/node_modules/')) : '') {
    const candidate = folder === '' ? name : `${folder}/node_modules/${name}`
    if (existsSync(join(modules, candidate, 'package.json'))) return candidate
    if (folder === '') return undefined
  }
}

/** Daemons that are not root read it, whatever umask the copy was made under. */
async function makeReadable(folder: string): Promise<void> {
  for (const entry of [{ path: folder, program: true }, ...(await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => !entry.isSymbolicLink()).map(entry => ({
    path: join(entry.parentPath, entry.name), program: entry.isDirectory() || entry.name === 'weft' || entry.name === 'weft-cni' || entry.parentPath.endsWith('/bin'),
  }))]) await chmod(entry.path, entry.program ? 0o755 : 0o644)
}

/** Removes releases other than the one in use and the latest of the others. */
export async function removeOldReleases(files: HostFiles, current: string): Promise<void> {
  const names = (await readdir(files.at(LIBRARY), { withFileTypes: true })).filter(entry => entry.isDirectory() && `${LIBRARY}/${entry.name}` !== current)
  const dated = await Promise.all(names.map(async ({ name }) => ({ name, at: (await files.timeOf(`${LIBRARY}/${name}`)) })))
  for (const { name } of dated.sort((a, b) => b.at - a.at).slice(KEPT)) await rm(files.at(`${LIBRARY}/${name}`), { recursive: true, force: true })
}
