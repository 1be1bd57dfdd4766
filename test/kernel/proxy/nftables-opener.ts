// The nftables backend of a scenario, in node-1's namespace.

import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { openLog } from '../../../src/ops/log.ts'
import { NftablesBackend } from '../../../src/proxy/nftables-backend/nftables-backend.ts'
import { hostAddresses } from '../../../src/proxy/node/host-addresses.ts'
import { prefixesOf, selectAddresses } from '../../../src/proxy/node/node-port-addresses.ts'
import { addressIn } from './topology.ts'
import type { BackendOpener } from './world.ts'

const SERVICE_CIDR = { 4: '172.30.0.0/16', 6: 'fd00:172:30::/112' } as const

export const nftablesOpener: BackendOpener = async ({ topology, family, detector, settings, signal }) => {
  const host = topology.host('node-1')
  // What config/read-config.ts makes of an empty list in this mode.
  const prefixes = prefixesOf(settings.nodePortAddresses ?? 'primary', family, parseAddress(addressIn(family, 'node-1'), 'node-1'))
  const serviceCidrs = [parsePrefix(SERVICE_CIDR[family], 'services')]
  const backend = await NftablesBackend.open({
    ruleset: { family, detector, masqueradeMark: 0x4000, masqueradeAll: settings.masqueradeAll ?? false },
    nodePortAddresses: async options => selectAddresses(prefixes, false, prefixes === undefined ? [] : await hostAddresses(host.rtnl, family, options)),
    serviceCidrs: () => serviceCidrs,
    netns: host.netns,
    log: openLog({ level: 'fatal' }),
  }, { signal })
  return {
    backend,
    cleanup: async () => {
      await backend.cleanup({ signal: new AbortController().signal })
      await backend[Symbol.asyncDispose]()
    },
  }
}
