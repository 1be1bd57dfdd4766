// Network configurations of a runtime: which file counts, and what stands in it (CNI specification, section 1;
// precedence as CRI-O has it: sorted by name, a file that cannot be used is passed over).

import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { CniError } from './cni-error.ts'

type Fields = Readonly<Record<string, unknown>>

export type PluginConfig = Fields & Readonly<{ type: string; capabilities?: Readonly<Record<string, boolean>> }>

export type NetworkConfig = Readonly<{
  name: string
  /** The version that all plugins of the list are spoken to in. */
  cniVersion: string
  disableCheck: boolean
  plugins: readonly PluginConfig[]
}>

/** Versions that this runtime speaks, lowest first. */
export const CNI_VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/

/** The first usable configuration of a folder. Throws CNI_CONFIG, naming what is wrong with each file, when there is none. */
export function loadNetworkConfig(folder: string): NetworkConfig {
  const problems: string[] = []
  for (const file of configFiles(folder)) {
    try {
      return parseNetworkConfig(readFileSync(join(folder, file), 'utf8'), { file, folder })
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  throw new CniError('CNI_CONFIG', problems.length === 0
    ? `no network configuration in ${folder}: start the agent ("weft agent --cni-conf-dir ${folder}"), or place a .conflist file there`
    : `no usable network configuration in ${folder}: ${problems.join('; ')}`)
}

function configFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter(file => ['.conflist', '.conf', '.json'].includes(extname(file))).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Reads a list, or a single plugin as the list of one. Throws CNI_CONFIG. */
export function parseNetworkConfig(text: string, origin: Readonly<{ file: string; folder?: string }>): NetworkConfig {
  const fail = (problem: string): never => {
    throw new CniError('CNI_CONFIG', `${origin.file}: ${problem}`, { file: origin.file })
  }
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    return fail(`is not JSON: ${(error as Error).message}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return fail('is not a JSON object')
  const fields = content as Fields
  const list = extname(origin.file) === '.conflist'
  const { name } = fields
  if (typeof name !== 'string' || !NAME.test(name)) return fail(`name ${JSON.stringify(name)} is not a network name`)
  const inlined = list ? fields['plugins'] : [fields]
  if (!Array.isArray(inlined)) return fail('plugins is not a list')
  const folder = origin.folder !== undefined && list && !isTrue(fields['loadOnlyInlinedPlugins']) ? join(origin.folder, name) : undefined
  const plugins = [...inlined, ...(folder === undefined ? [] : pluginsFrom(folder))] as readonly unknown[]
  if (plugins.length === 0) return fail('has no plugins')
  for (const plugin of plugins) {
    const type = (plugin as Fields | null)?.['type']
    if (typeof type !== 'string' || type === '' || type.includes('/')) return fail(`a plugin's type is ${JSON.stringify(type)}`)
  }
  return { name, cniVersion: chooseVersion(fields, fail), disableCheck: isTrue(fields['disableCheck']), plugins: plugins as readonly PluginConfig[] }
}

/** Since CNI 1.1 a list may be extended by files in a folder that bears the network's name. */
const pluginsFrom = (folder: string): readonly unknown[] =>
  configFiles(folder).filter(file => file.endsWith('.conf')).map(file => JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown)

/** `cniVersions` lets the runtime choose the highest it knows; `cniVersion` alone is obeyed. */
function chooseVersion(fields: Fields, fail: (problem: string) => never): string {
  const { cniVersion, cniVersions } = fields
  const offered = [...(Array.isArray(cniVersions) ? cniVersions : []), ...(typeof cniVersion === 'string' ? [cniVersion] : [])]
  return CNI_VERSIONS.findLast(version => offered.includes(version)) ?? fail(`cniVersion ${JSON.stringify(cniVersions ?? cniVersion)} is none of ${CNI_VERSIONS.join(', ')}`)
}

/** Booleans of a list may be strings (CNI specification, section 1). */
const isTrue = (value: unknown): boolean => value === true || value === 'true'
