// What libcni keeps of a successful ADD, in its own format, so that DEL and CHECK get the same configuration and result
// whatever has become of the file meanwhile: <folder>/results/<network>-<container>-<interface>, kind cniCacheV1.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFile, replaceFile } from '../../ops/replace-file.ts'
import { parseNetworkConfig, type NetworkConfig } from './network-config.ts'
import type { CniResult } from './result.ts'

export type CachedAttachment = Readonly<{
  network: NetworkConfig
  /** CNI_ARGS as pairs. */
  args: readonly (readonly [string, string])[]
  capabilities: Readonly<Record<string, unknown>>
  result: CniResult
}>

export type AttachmentKey = Readonly<{ containerId: string; interfaceName: string }>

const KIND = 'cniCacheV1'

export class AttachmentCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = join(folder, 'results')
  }

  async put(key: AttachmentKey, attachment: CachedAttachment): Promise<void> {
    const { network, args, capabilities, result } = attachment
    const list = JSON.stringify({ cniVersion: network.cniVersion, name: network.name, disableCheck: network.disableCheck, plugins: network.plugins, loadOnlyInlinedPlugins: true })
    await replaceFile(this.#path(network.name, key), JSON.stringify({
      kind: KIND, containerId: key.containerId, config: Buffer.from(list).toString('base64'), ifName: key.interfaceName, networkName: network.name,
      cniArgs: args, capabilityArgs: capabilities, result,
    }))
  }

  /** Undefined when nothing was kept, or nothing that can be read: DEL then goes without a result, as libcni does. */
  async get(networkName: string, key: AttachmentKey): Promise<CachedAttachment | undefined> {
    try {
      const entry = JSON.parse(await readFile(this.#path(networkName, key), 'utf8')) as Readonly<Record<string, any>>
      if (entry['kind'] !== KIND) return undefined
      const network = parseNetworkConfig(Buffer.from(String(entry['config']), 'base64').toString(), { file: 'cache.conflist' })
      return { network, args: entry['cniArgs'] ?? [], capabilities: entry['capabilityArgs'] ?? {}, result: entry['result'] }
    } catch {
      return undefined
    }
  }

  async remove(networkName: string, key: AttachmentKey): Promise<void> {
    await removeFile(this.#path(networkName, key))
  }

  #path(networkName: string, key: AttachmentKey): string {
    return join(this.#folder, `${networkName}-${key.containerId}-${key.interfaceName}`)
  }
}
