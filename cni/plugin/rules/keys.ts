// Keys and values of the table's sets: parts of a concatenation padded to four bytes each, all in network order.

import { addressToBytes, type Address } from '../../../src/net/ip/address.ts'
import { macToBytes, type Mac } from '../../../src/net/ip/mac.ts'
import { PROTOCOL_NUMBER, type Port, type Protocol } from '../../../src/net/ip/port.ts'
import { lastAddress, networkAddress, type Prefix } from '../../../src/net/ip/prefix.ts'

const protocolPart = (protocol: Protocol): readonly number[] => [PROTOCOL_NUMBER[protocol], 0, 0, 0]
const portPart = (port: Port): readonly number[] => [port >> 8, port & 255, 0, 0]

/** inet_proto . inet_service */
export const anywhereKey = (protocol: Protocol, hostPort: Port): Uint8Array => Uint8Array.from([...protocolPart(protocol), ...portPart(hostPort)])

/** address . inet_proto . inet_service */
export const addressKey = (hostIp: Address, protocol: Protocol, hostPort: Port): Uint8Array =>
  Uint8Array.from([...addressToBytes(hostIp), ...protocolPart(protocol), ...portPart(hostPort)])

/** address . inet_service: where a host port leads */
export const targetValue = (target: Address, port: Port): Uint8Array => Uint8Array.from([...addressToBytes(target), ...portPart(port)])

/** inet_proto . inet_service . address . inet_service: a translated connection, by the port it was made to and the pod it reached */
export const translatedKey = (protocol: Protocol, hostPort: Port, target: Address, port: Port): Uint8Array =>
  Uint8Array.from([...protocolPart(protocol), ...portPart(hostPort), ...addressToBytes(target), ...portPart(port)])

/** address . range of addresses: a pod and the subnet it sits in */
export const subnetRange = (pod: Address, subnet: Prefix): Readonly<{ key: Uint8Array; keyEnd: Uint8Array }> => ({
  key: Uint8Array.from([...addressToBytes(pod), ...addressToBytes(networkAddress(subnet))]),
  keyEnd: Uint8Array.from([...addressToBytes(pod), ...addressToBytes(lastAddress(subnet))]),
})

/** ifname: sixteen bytes, filled up with zeros */
export const nameKey = (name: string): Uint8Array => Uint8Array.from(Buffer.from(name.padEnd(IFNAMSIZ, '\0')))
const IFNAMSIZ = 16

/** ifname . ether_addr: a port and the MAC that may send there */
export const senderKey = (name: string, mac: Mac): Uint8Array => Uint8Array.from([...nameKey(name), ...macToBytes(mac), 0, 0])
