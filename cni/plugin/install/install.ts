// Putting the shim and the configuration list where container runtimes look, and taking them away again.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../../src/ops/errors.ts'
import { projectFile } from '../../../src/ops/project.ts'
import { replaceFile } from '../../../src/ops/replace-file.ts'
import type { Logger } from '../../../src/ops/log.ts'
import { CONFIGURATION_FILE, formatConfigurationList, PLUGIN_NAME } from './configuration-list.ts'

export type InstallOptions = Readonly<{ confDir: string; binDir: string; networkName: string; log: Logger }>

const SHIM = projectFile('cni/shim/build/weft-cni')
/** containerd starts no pod without a plugin of this name; the shim answers under it where nobody installed one. */
const LOOPBACK = 'loopback'

/**
 * Programs first, configuration last: a runtime that sees the file must be able to execute what it names. Each is replaced
 * by a rename within its folder, which runtimes' watchers notice (containerd ignores a file that is merely created).
 */
export async function install(options: InstallOptions): Promise<void> {
  const shim = contentOf(SHIM)
  if (shim === undefined) {
    throw new WeftError('CNI_SHIM_MISSING', `the CNI program is not built: run "make -C cni/shim" (looked for ${SHIM})`, { path: SHIM })
  }
  const wroteShim = await writeUnlessSame(join(options.binDir, PLUGIN_NAME), shim, 0o755)
  if (contentOf(join(options.binDir, LOOPBACK)) === undefined) await writeUnlessSame(join(options.binDir, LOOPBACK), shim, 0o755)
  const path = join(options.confDir, CONFIGURATION_FILE)
  const wroteList = await writeUnlessSame(path, Buffer.from(formatConfigurationList(options.networkName)), 0o644)
  if (wroteShim || wroteList) options.log.info({ confDir: options.confDir, binDir: options.binDir }, 'cni plugin installed')
  const earlier = readdirSync(options.confDir).filter(name => /\.(?:conf|conflist|json)$/.test(name) && name < CONFIGURATION_FILE)
  if (wroteList && earlier.length > 0) options.log.warn({ confDir: options.confDir, files: earlier }, 'another cni configuration takes precedence')
}

/** Removes exactly what `install` put there. Absent files are fine. */
export function uninstall(options: Readonly<{ confDir: string; binDir: string }>): void {
  rmSync(join(options.confDir, CONFIGURATION_FILE), { force: true })
  const plugin = contentOf(join(options.binDir, PLUGIN_NAME))
  const loopback = contentOf(join(options.binDir, LOOPBACK))
  if (plugin !== undefined && loopback?.equals(plugin) === true) rmSync(join(options.binDir, LOOPBACK))
  rmSync(join(options.binDir, PLUGIN_NAME), { force: true })
}

/** Answers whether it wrote: runtimes load a configuration anew whenever it is touched. */
async function writeUnlessSame(path: string, content: Buffer, mode: number): Promise<boolean> {
  if (contentOf(path)?.equals(content) === true) return false
  await replaceFile(path, content, { mode, folderMode: 0o755 })
  return true
}

/** Undefined when there is no such file. */
function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
