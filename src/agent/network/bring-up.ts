// From a bare host to a lease: which interface, which identity, which subnet. Nothing in the kernel is changed here.

import { formatAddress, type Address } from '../../net/ip/address.ts'
import type { Mac } from '../../net/ip/mac.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import { isRetryable, WeftError } from '../../ops/errors.ts'
import type { Logger } from '../../ops/log.ts'
import { ownLinkNames, podMtu, publishedData, publishedType, type Identity } from '../backends/index.ts'
import { chooseVtepMac, parseVtepMac } from '../backends/vxlan/vtep.ts'
import { loadWireguardKey } from '../backends/wireguard/key-file.ts'
import { runCommand } from '../backends/extension/run-command.ts'
import { vxlanLinkName, type BackendConfig } from '../config/backend-config.ts'
import { networksOf, type NetworkConfig } from '../config/network-config.ts'
import type { KernelDataplane } from '../dataplane/kernel.ts'
import type { ObservedState } from '../dataplane/observed.ts'
import { formatSubnets, type Lease, type LeaseAttributes } from '../leases/lease.ts'
import type { HostHints, LeaseManager } from '../leases/lease-manager.ts'
import { entriesOf, familiesOf, mapFamilies, type PerFamily } from '../leases/per-family.ts'
import type { DataplaneOptions, InterfaceOptions } from '../options.ts'
import { chooseInterface } from '../underlay/choose-interface.ts'
import { findOverlaps } from '../underlay/check-overlap.ts'
import { inventoryOf, strangersOf } from '../underlay/inventory.ts'
import type { Underlay } from '../underlay/underlay.ts'

export type BringUpParts = Readonly<{
  config: NetworkConfig
  underlay: InterfaceOptions
  dataplane: DataplaneOptions
  manager: LeaseManager
  kernel: KernelDataplane
  log: Logger
  clock: Clock
  random: () => number
  randomBytes: (count: number) => Uint8Array
  /** Told why the agent is waiting, for health. */
  onWait: (reason: string) => void
}>

export type HostNetwork = Readonly<{ underlay: Underlay; identity: Identity; own: Lease; publicIps: PerFamily<Address> }>

/** An interface that is late at boot is waited for; so is everything else that passes by itself. */
const WAIT: Backoff = { initialMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.2 }

export async function bringUp(parts: BringUpParts, { signal }: { signal: AbortSignal }): Promise<HostNetwork> {
  const { config, manager, log } = parts
  const hints = await manager.hints({ signal })
  const publicIps = { ...parts.underlay.publicIps, ...hints.publicIps }
  const { underlay, observed } = await findUnderlay(parts, { hints, publicIps, signal })
  refuseOverlap(parts, { observed, underlay })
  const identity = { macs: vtepMacs(parts, { hints, observed }), ...(await wireguardIdentity(parts)), ...(await extensionData(config.backend, signal)) }
  const attributes = attributesFor({ config, mtuCompat: parts.dataplane.mtuCompat }, { underlay, identity })
  const own = await manager.acquire(attributes, {
    onWait: reason => {
      parts.onWait(reason)
      log.warn({ reason }, 'waiting for a lease')
    },
    signal,
  })
  log.info({ subnet: formatSubnets(own.subnets), backend: config.backend.kind }, 'leased a pod subnet')
  return { underlay, identity, own, publicIps }
}

/** What this host publishes for a given interface and identity. */
export function attributesFor(parts: Readonly<{ config: NetworkConfig; mtuCompat: boolean }>, { underlay, identity }: Readonly<{ underlay: Underlay; identity: Identity }>): LeaseAttributes {
  const { backend } = parts.config
  return {
    publicIps: underlay.published,
    backendType: publishedType(backend),
    backendData: publishedData(backend, { identity, families: familiesOf(parts.config.pools) }),
    podMtu: podMtu(backend, underlay, { families: familiesOf(parts.config.pools), compat: parts.mtuCompat }),
  }
}

type Search = Readonly<{ hints: HostHints; publicIps: PerFamily<Address>; signal: AbortSignal }>

async function findUnderlay(parts: BringUpParts, search: Search): Promise<Readonly<{ underlay: Underlay; observed: ObservedState }>> {
  const { kernel, config, clock, log } = parts
  const linkNames = ownLinkNames(config.backend)
  const territory = entriesOf(networksOf(config)).map(([, network]) => network)
  for (let failures = 1; ; failures += 1) {
    const observed = await kernel.observe({ ownLinkNames: linkNames }, { signal: search.signal })
    const inventory = inventoryOf(observed, { linkNames, territory })
    try {
      const choice = chooseInterface(inventory, {
        ...parts.underlay,
        families: familiesOf(config.pools),
        publicIps: search.publicIps,
        former: search.hints.former?.publicIps ?? {},
        landmarks: search.hints.landmarks,
      })
      const { name: link, ...rest } = choice
      const told = { link, ifindex: choice.ifindex, mtu: choice.mtu, why: choice.why, local: texts(choice.addresses), published: texts(choice.published) }
      log.info(told, 'chose the interface between hosts')
      return { underlay: { ...rest, link, routes: inventory.routes }, observed }
    } catch (error) {
      if (!isRetryable(error)) throw error
      parts.onWait((error as Error).message)
      log.warn({ err: error, failures }, 'waiting for an interface')
      await clock.sleep(backoffMs(WAIT, failures, parts.random()), { signal: search.signal })
    }
  }
}

const texts = (addresses: PerFamily<Address>): readonly string[] => entriesOf(addresses).map(([, address]) => formatAddress(address))

function vtepMacs(parts: BringUpParts, { hints, observed }: Readonly<{ hints: HostHints; observed: ObservedState }>): PerFamily<Mac> {
  const { backend, pools } = parts.config
  if (backend.kind !== 'vxlan') return {}
  return mapFamilies(pools, (_, family) => chooseVtepMac({
    device: observed.links.find(link => link.name === vxlanLinkName(family, backend.vni) && link.vxlan !== undefined)?.mac,
    published: publishedMac(hints.former?.backendData[family]),
    random: parts.randomBytes(6),
  }))
}

async function wireguardIdentity({ config, dataplane }: BringUpParts): Promise<Pick<Identity, 'wireguard'>> {
  return config.backend.kind === 'wireguard' ? { wireguard: await loadWireguardKey(dataplane.wireguardKey.path) } : {}
}

/** The first command's output is what an extension publishes; its failure is the operator's to repair. */
async function extensionData(backend: BackendConfig, signal: AbortSignal): Promise<Pick<Identity, 'extensionData'>> {
  if (backend.kind !== 'extension' || backend.preStartup.length === 0) return {}
  return { extensionData: await runCommand({ command: backend.preStartup, variables: {}, input: '', signal }) }
}

/** Unreadable remains of a former run count as none. */
function publishedMac(data: unknown): Mac | undefined {
  try {
    return parseVtepMac(data)
  } catch {
    return undefined
  }
}

/** A pod network over the hosts' own would cut this host off, so it is refused before the kernel is touched. */
function refuseOverlap(parts: BringUpParts, { observed, underlay }: Readonly<{ observed: ObservedState; underlay: Underlay }>): void {
  const inventory = strangersOf(observed, ownLinkNames(parts.config.backend))
  const overlaps = findOverlaps({ networks: networksOf(parts.config), subnets: {}, underlay, inventory, peers: [] })
  const fatal = overlaps.find(({ severity }) => severity === 'fatal')
  if (fatal === undefined || parts.dataplane.allowOverlap) return
  throw new WeftError('NETWORK_OVERLAP', `${fatal.message}; choose another Network, or start with --allow-overlap if this is meant`, { network: entriesOf(networksOf(parts.config)).map(([, network]) => formatPrefix(network)) })
}
