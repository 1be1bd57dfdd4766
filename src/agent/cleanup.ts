// --cleanup: takes away exactly what the agent made on this host, and its lease. Every part is tried, whatever fails
// before it; absent is success.

import { rm } from 'node:fs/promises'
import { uninstall } from '../../cni/plugin/install/install.ts'
import { openRtnl } from '../net/rtnetlink/rtnl.ts'
import { Wireguard } from '../net/wireguard/wireguard.ts'
import { removeFile } from '../ops/replace-file.ts'
import type { Clock } from '../ops/clock.ts'
import { isAbort, WeftError } from '../ops/errors.ts'
import type { AgentParts } from './agent.ts'
import { ownLinkNames } from './backends/index.ts'
import { networksOf, type NetworkConfig } from './config/network-config.ts'
import { applySteps } from './dataplane/apply.ts'
import { KernelDataplane } from './dataplane/kernel.ts'
import { planDataplane } from './dataplane/plan.ts'
import { entriesOf } from './leases/per-family.ts'
import { removeRules } from './rules/open-engine.ts'

/** Longest wait for the configuration and the store: both may be away for good. */
const STORE_MS = 10_000

export async function cleanUp(parts: AgentParts, { signal: outer }: { signal: AbortSignal }): Promise<void> {
  const { options, log } = parts
  const signal = AbortSignal.any([outer, AbortSignal.timeout(6 * STORE_MS)])
  const failed: string[] = []
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
      log.info({ part: what }, 'removed')
    } catch (err) {
      if (isAbort(err, outer)) throw err
      failed.push(what)
      log.error({ err, part: what }, 'cannot remove')
    }
  }
  await attempt('traffic rules', () => removeRules(options.rules.instance, { signal }))
  let config: NetworkConfig | undefined
  await attempt('network configuration', async () => {
    config = await parts.loadConfig({ signal: AbortSignal.any([signal, AbortSignal.timeout(STORE_MS)]) })
  })
  if (config !== undefined) {
    const known = config
    await attempt('devices and routes', () => removeDataplane(known, { clock: parts.clock, signal }))
    await attempt('lease', async () => {
      const stop = new AbortController()
      const call = { signal: AbortSignal.any([signal, stop.signal, AbortSignal.timeout(STORE_MS)]) }
      await using manager = await parts.openManager(known, call)
      try {
        await manager.release(call)
      } finally {
        // Disposing waits for what follows the store, and that ends with its signal.
        stop.abort()
      }
    })
  }
  await attempt('subnet.env', () => rm(options.subnetFile, { force: true }))
  const { wireguardKey } = options.dataplane
  if (config?.backend.kind === 'wireguard' && wireguardKey.own) await attempt('WireGuard key', () => removeFile(wireguardKey.path))
  if (options.cni !== undefined) {
    const { cni } = options
    await attempt('CNI configuration', async () => uninstall(cni))
  }
  if (failed.length > 0) throw new WeftError('CLEANUP_INCOMPLETE', `not everything could be removed: ${failed.join(', ')}; the log says why`, { failed })
}

/** The plan for a host that should have nothing. */
async function removeDataplane(config: NetworkConfig, { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>): Promise<void> {
  await using rtnl = openRtnl()
  await using wireguard = Wireguard.open()
  const kernel = new KernelDataplane({ rtnl, wireguard, now: () => clock.now() })
  const linkNames = ownLinkNames(config.backend)
  const observed = await kernel.observe({ ownLinkNames: linkNames }, { signal })
  const parent = observed.links.find(link => linkNames.includes(link.name))?.vxlan?.parentIfindex
  const steps = planDataplane({
    links: [], routes: [], neighbours: [], fdb: [], wireguard: [], wireguardPeers: [], sysctls: [], ownLinkNames: linkNames, complete: true,
    territory: entriesOf(networksOf(config)).map(([, network]) => network),
    underlay: observed.links.find(link => link.ifindex === parent)?.name ?? '',
  }, observed)
  const [first] = await applySteps(kernel, steps, { signal })
  if (first !== undefined) throw first.error
}
