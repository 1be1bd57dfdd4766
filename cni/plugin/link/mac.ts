// MAC addresses for links that nobody gave one. Explicit ones stay as they are: udev rewrites only those that the kernel
// itself drew (systemd's MACAddressPolicy=persistent looks at NET_ADDR_RANDOM).

import { randomBytes } from 'node:crypto'
import { macFromBytes, type Mac } from '../../../src/net/ip/mac.ts'

/** Locally administered, unicast (IEEE 802, bits 1 and 0 of the first octet). */
export function randomMac(): Mac {
  const bytes = randomBytes(6)
  bytes[0] = (bytes[0]! & 0xfc) | 0x02
  return macFromBytes(bytes)
}
