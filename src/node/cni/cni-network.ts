// A runtime's side of CNI: chains of plugins with the result handed on, forwards for ADD and CHECK, backwards for DEL.

import { AttachmentCache, type AttachmentKey, type CachedAttachment } from './attachment-cache.ts'
import { CniError } from './cni-error.ts'
import { invoke, type Verb } from './invoke.ts'
import { loadNetworkConfig, type NetworkConfig, type PluginConfig } from './network-config.ts'
import { addressesOf, type CniResult } from './result.ts'

export type CniOptions = Readonly<{
  configFolder: string
  binFolders: readonly string[]
  /** Where successful attachments are kept. */
  cacheFolder: string
  sleep: (ms: number) => Promise<void>
}>

export type AttachRequest = Readonly<{
  containerId: string
  /** Path of the namespace; empty when it is gone (DEL only). */
  netns: string
  /** CNI_ARGS as pairs. */
  args: readonly (readonly [string, string])[]
  /** Values by capability; a plugin gets those that its configuration asks for. */
  capabilities: Readonly<Record<string, unknown>>
}>

/** The interface that Kubernetes' runtimes make in every pod. */
const INTERFACE = 'eth0'

/** CHECK exists since 0.4.0 (CNI specification, "Version considerations"). */
const WITHOUT_CHECK: readonly string[] = ['0.3.0', '0.3.1']

export class CniNetwork {
  readonly #options: CniOptions
  readonly #cache: AttachmentCache

  constructor(options: CniOptions) {
    this.#options = options
    this.#cache = new AttachmentCache(options.cacheFolder)
  }

  /** The configuration for new pods. Throws CNI_CONFIG, saying what to do, while there is none that can be used. */
  config(): NetworkConfig {
    return loadNetworkConfig(this.#options.configFolder)
  }

  /** Connects a namespace; answers the addresses of the pod. A failure may leave parts: `detach` with the same configuration removes them. */
  async attach(network: NetworkConfig, request: AttachRequest, options: Readonly<{ signal: AbortSignal }>): Promise<readonly string[]> {
    let result: CniResult | undefined
    for (const plugin of network.plugins) result = await this.#invoke('ADD', network, plugin, request, result, options)
    const addresses = result === undefined ? [] : addressesOf(result, INTERFACE)
    if (result === undefined || addresses.length === 0) throw new CniError('CNI_PLUGIN_FAILED', `network ${network.name} gave ${INTERFACE} no address`)
    await this.#cache.put(keyOf(request), { network, args: request.args, capabilities: request.capabilities, result })
    return addresses
  }

  /** Asks every plugin whether the attachment still is as ADD made it. Throws CNI_PLUGIN_FAILED when one says no. */
  async check(network: NetworkConfig, request: AttachRequest, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const cached = await this.#cache.get(network.name, keyOf(request))
    if (cached === undefined || cached.network.disableCheck || WITHOUT_CHECK.includes(cached.network.cniVersion)) return
    for (const plugin of cached.network.plugins) await this.#invoke('CHECK', cached.network, plugin, remembered(request, cached), cached.result, options)
  }

  /** Disconnects a namespace, or what an interrupted `attach` left: with what that was asked with, not with today's file. */
  async detach(network: NetworkConfig, request: AttachRequest, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
    const cached = await this.#cache.get(network.name, keyOf(request))
    const used = cached?.network ?? network
    for (const plugin of used.plugins.toReversed()) {
      await this.#invoke('DEL', used, plugin, cached === undefined ? request : remembered(request, cached), cached?.result, options)
    }
    await this.#cache.remove(network.name, keyOf(request))
  }

  #invoke(verb: Verb, network: NetworkConfig, plugin: PluginConfig, request: AttachRequest, prevResult: CniResult | undefined, options: Readonly<{ signal: AbortSignal }>): Promise<CniResult | undefined> {
    // DEL carries the result since 0.4.0.
    const carried = verb === 'DEL' && WITHOUT_CHECK.includes(network.cniVersion) ? undefined : prevResult
    return invoke({
      verb, type: plugin.type, binFolders: this.#options.binFolders,
      containerId: request.containerId, netns: request.netns, interfaceName: INTERFACE,
      args: request.args.map(([key, value]) => `${key}=${value}`).join(';'),
      config: { ...plugin, name: network.name, cniVersion: network.cniVersion, ...runtimeConfig(plugin, request), ...(carried !== undefined && { prevResult: carried }) },
    }, { ...options, sleep: this.#options.sleep })
  }
}

const keyOf = ({ containerId }: AttachRequest): AttachmentKey => ({ containerId, interfaceName: INTERFACE })

/** DEL and CHECK are asked with what ADD was asked with; only the namespace may have gone. */
const remembered = (request: AttachRequest, cached: CachedAttachment): AttachRequest => ({ ...request, args: cached.args, capabilities: cached.capabilities })

function runtimeConfig(plugin: PluginConfig, { capabilities }: AttachRequest): Readonly<Record<string, unknown>> {
  const asked = Object.entries(capabilities).filter(([name]) => plugin.capabilities?.[name] === true)
  return asked.length === 0 ? {} : { runtimeConfig: Object.fromEntries(asked) }
}
