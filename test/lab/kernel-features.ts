// What this machine's kernel can make; tests of what it cannot skip, and run in the virtual machine of `npm run test:vm`.

import { parseAddress } from '../../src/net/ip/address.ts'
import { isRefusal } from '../../src/net/netlink/netlink-error.ts'
import { LabNetns } from './lab-netns.ts'
import { labPrefix } from './leftovers.ts'

/** Why tests of that kind of link skip; undefined where the kernel can make one. */
export async function missingLinkKind(kind: 'wireguard' | 'ipip'): Promise<string | undefined> {
  await using netns = await LabNetns.open('features', `${labPrefix()}features-${kind}`)
  try {
    await netns.rtnl.links.add({ name: 'probe0', info: kind === 'ipip' ? { kind, local: parseAddress('127.0.0.1', 'local') } : { kind } }, { signal: new AbortController().signal })
    return undefined
  } catch (error) {
    if (!isRefusal(error, 'EOPNOTSUPP')) throw error
    return `skipped: this kernel has no ${kind}; "npm run test:vm" runs it on one that has`
  }
}

/** Why tests of VLANs on bridges skip; undefined where the kernel was built with CONFIG_BRIDGE_VLAN_FILTERING. */
export async function missingBridgeVlans(): Promise<string | undefined> {
  await using netns = await LabNetns.open('features', `${labPrefix()}features-vlans`)
  try {
    await netns.rtnl.links.add({ name: 'probe0', info: { kind: 'bridge', vlanFiltering: true } }, { signal: new AbortController().signal })
    return undefined
  } catch (error) {
    if (!isRefusal(error, 'EOPNOTSUPP')) throw error
    return 'skipped: this kernel keeps no VLANs apart on bridges; "npm run test:vm -- FILE" runs a test on one that does'
  }
}
