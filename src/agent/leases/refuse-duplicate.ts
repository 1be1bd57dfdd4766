// Two hosts with one public IP would fight for each other's traffic: the second to come does not start.

import { formatAddress } from '../../net/ip/address.ts'
import { WeftError } from '../../ops/errors.ts'
import { sharesPublicIp, type Lease } from './lease.ts'
import { entriesOf } from './per-family.ts'

/** Throws DUPLICATE_PUBLIC_IP, naming both, when another owner publishes an address of `own`. */
export function refuseDuplicate(own: Lease, others: readonly Lease[]): void {
  const twin = others.find(lease => lease.owner !== own.owner && sharesPublicIp(lease.attributes, own.attributes))
  if (twin === undefined) return
  const shared = entriesOf(own.attributes.publicIps).map(([, address]) => formatAddress(address)).join(', ')
  throw new WeftError(
    'DUPLICATE_PUBLIC_IP',
    `${own.owner} and ${twin.owner} both publish ${shared}; give one of them another address with --iface or --public-ip, or delete ${twin.owner} if it is gone`,
    { owner: own.owner, other: twin.owner, publicIp: shared },
  )
}
