// The addresses of this host, as the kernel lists them.

import type { Address, Family } from '../../net/ip/address.ts'
import type { Rtnl } from '../../net/rtnetlink/rtnl.ts'

/** All addresses of a family on all links. */
export async function hostAddresses(rtnl: Rtnl, family: Family, options: Readonly<{ signal: AbortSignal }>): Promise<readonly Address[]> {
  return (await rtnl.addresses.list({ family, signal: options.signal })).map(({ address }) => address)
}

/** Rings for every address that comes or goes, until `signal` aborts. */
export async function watchHostAddresses(rtnl: Rtnl, onChange: (family: Family | undefined) => void, { signal }: Readonly<{ signal: AbortSignal }>): Promise<void> {
  for await (const event of rtnl.watch(['ipv4Address', 'ipv6Address'], { signal })) {
    onChange(event.kind === 'address' ? event.value.address.family : undefined)
  }
}
