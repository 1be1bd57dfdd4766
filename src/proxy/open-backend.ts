// Makes the data plane of one address family for the configured mode.

import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { Address, Family } from '../net/ip/address.ts'
import type { Prefix } from '../net/ip/prefix.ts'
import { Iptables } from '../net/iptables/iptables.ts'
import { PacketCounters } from '../net/nfacct/nfacct.ts'
import type { Rtnl } from '../net/rtnetlink/rtnl.ts'
import type { ProxyConfig } from './config/proxy-config.ts'
import { IptablesBackend } from './iptables-backend/iptables-backend.ts'
import { INVALID_COUNTER, LOCALHOST_COUNTER } from './iptables/options.ts'
import type { LocalDetector } from './local-traffic.ts'
import { NftablesBackend } from './nftables-backend/nftables-backend.ts'
import { hostAddresses } from './node/host-addresses.ts'
import { allowLoopbackNodePorts, isTcpLiberal } from './node/kernel-settings.ts'
import { prefixesOf, selectAddresses, servesLoopback } from './node/node-port-addresses.ts'
import type { Backend } from './sync/backend.ts'

export type OpenBackendOptions = Readonly<{
  config: ProxyConfig
  family: Family
  detector: LocalDetector
  /** The node's address of this family, if it has one. */
  nodeIp: Address | undefined
  /** Ranges that cluster IPs of this family come from, as they are known now. */
  serviceCidrs: () => readonly Prefix[]
  /** Settles when all families are in force, or will not be soon. */
  allInForce: Promise<unknown>
  rtnl: Rtnl
  clock: Clock
  log: Logger
}>

/** Throws when this host cannot run the mode in this family. */
export async function openBackend(options: OpenBackendOptions, call: Readonly<{ signal: AbortSignal }>): Promise<Backend> {
  switch (options.config.mode) {
    case 'iptables': return openIptables(options, call)
    case 'nftables': return openNftables(options, call)
    default: return options.config.mode satisfies never
  }
}

async function openNftables({ config, family, detector, nodeIp, serviceCidrs, allInForce, rtnl, log }: OpenBackendOptions, call: Readonly<{ signal: AbortSignal }>): Promise<Backend> {
  const prefixes = prefixesOf(config.nodePortAddresses, family, nodeIp)
  return NftablesBackend.open({
    ruleset: { family, masqueradeMark: 2 ** config.nftables.masqueradeBit, masqueradeAll: config.nftables.masqueradeAll, detector },
    nodePortAddresses: async options => selectAddresses(prefixes, false, prefixes === undefined ? [] : await hostAddresses(rtnl, family, options)),
    serviceCidrs,
    watchFrom: allInForce,
    log,
  }, call)
}

async function openIptables({ config, family, detector, nodeIp, rtnl, clock, log }: OpenBackendOptions, call: Readonly<{ signal: AbortSignal }>): Promise<Backend> {
  const iptables = await Iptables.open({ family, ...call })
  // The one question that tells whether this kernel and our privileges are enough.
  await iptables.save('nat', call)
  const prefixes = prefixesOf(config.nodePortAddresses, family, nodeIp)
  const loopback = servesLoopback(config.iptables.localhostNodePorts, family, prefixes)
  if (loopback) allowLoopbackNodePorts()
  const nodePortAddresses = async (options: Readonly<{ signal: AbortSignal }>) =>
    selectAddresses(prefixes, loopback, prefixes === undefined ? [] : await hostAddresses(rtnl, family, options))
  return IptablesBackend.open({
    iptables,
    ruleset: {
      family,
      masqueradeMark: 2 ** config.iptables.masqueradeBit,
      masqueradeAll: config.iptables.masqueradeAll,
      detector,
      guardLoopback: loopback,
      dropInvalid: !isTcpLiberal(),
      randomFully: iptables.canRandomFully,
      counters: await hasCounters(call),
    },
    nodePortAddresses,
    clock,
    log,
  }, call)
}

async function hasCounters(call: Readonly<{ signal: AbortSignal }>): Promise<boolean> {
  await using counters = PacketCounters.open()
  return await ensureCounters(counters, call)
}

/** Makes the counters that rules count into. Answers false when this kernel has none. */
export const ensureCounters = async (counters: PacketCounters, call: Readonly<{ signal: AbortSignal }>): Promise<boolean> =>
  (await counters.ensure(INVALID_COUNTER, call)) && (await counters.ensure(LOCALHOST_COUNTER, call))
