// The iptables backend of a scenario, in node-1's namespace.

import { Iptables } from '../../../src/net/iptables/iptables.ts'
import { cleanupIptables } from '../../../src/proxy/iptables-backend/cleanup.ts'
import { IptablesBackend } from '../../../src/proxy/iptables-backend/iptables-backend.ts'
import { hostAddresses } from '../../../src/proxy/node/host-addresses.ts'
import { prefixesOf, selectAddresses, servesLoopback } from '../../../src/proxy/node/node-port-addresses.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { openLog } from '../../../src/ops/log.ts'
import { addressIn } from './topology.ts'
import type { BackendOpener } from './world.ts'

export const iptablesOpener = (variant: 'nft' | 'legacy'): BackendOpener => async ({ topology, family, detector, settings, lockFile, signal }) => {
  const host = topology.host('node-1')
  const place = { family, netns: host.netns, lockFile }
  const iptables = await Iptables.open({ ...place, variant, signal })
  const prefixes = prefixesOf(settings.nodePortAddresses ?? 'all', family, parseAddress(addressIn(family, 'node-1'), 'node-1'))
  const loopback = servesLoopback(settings.localhostNodePorts ?? true, family, prefixes)
  host.sysctl({ 'net/ipv4/conf/all/route_localnet': loopback ? '1' : '0' })
  const backend = await IptablesBackend.open({
    iptables,
    ruleset: {
      family, detector, masqueradeMark: 0x4000, masqueradeAll: settings.masqueradeAll ?? false, guardLoopback: loopback,
      dropInvalid: settings.tcpLiberal !== true, randomFully: iptables.canRandomFully, counters: false,
    },
    nodePortAddresses: async options => selectAddresses(prefixes, loopback, prefixes === undefined ? [] : await hostAddresses(host.rtnl, family, options)),
    clock: systemClock,
    log: openLog({ level: 'fatal' }),
  }, { signal })
  const never = new AbortController().signal
  return {
    backend,
    cleanup: async () => {
      await cleanupIptables({ ...place, signal: never })
      // The kubelet's chain, which a clean-up leaves to it.
      const all = await Iptables.open({ ...place, variant, signal: never })
      await all.removeChains('filter', chain => chain === 'KUBE-FIREWALL', { signal: never })
    },
  }
}
