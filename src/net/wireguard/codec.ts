// WireGuard's messages, written and read (linux/wireguard.h): a device, in it a list of peers, in each a list of prefixes.

import { addressFromBytes, addressToBytes, type Address } from '../ip/address.ts'
import { networkAddress, prefixOf, type Prefix } from '../ip/prefix.ts'
import { genericAttributes, genericMessage } from '../genetlink/generic-netlink.ts'
import type { Attributes } from '../netlink/attributes.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import type { Message } from '../netlink/message.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import * as k from './constants.ts'
import type { Endpoint, WireguardDevice, WireguardPeer, WireguardPeerSpec } from './device.ts'
import { keyFromBytes, keyToBytes, type WireguardKey } from './key.ts'

const setMessage = (familyId: number, name: string): MessageWriter =>
  genericMessage(familyId, { command: k.WG_CMD_SET_DEVICE, version: k.WG_GENL_VERSION, operation: `WG_CMD_SET_DEVICE ${name}` }).string(k.WGDEVICE_A_IFNAME, name)

export const getDeviceMessage = (familyId: number, name: string): MessageWriter =>
  genericMessage(familyId, { command: k.WG_CMD_GET_DEVICE, version: k.WG_GENL_VERSION, operation: `WG_CMD_GET_DEVICE ${name}` }).string(k.WGDEVICE_A_IFNAME, name)

export const setDeviceMessage = (familyId: number, name: string, device: Readonly<{ privateKey: WireguardKey; listenPort: number }>): MessageWriter =>
  setMessage(familyId, name).bytes(k.WGDEVICE_A_PRIVATE_KEY, keyToBytes(device.privateKey)).u16(k.WGDEVICE_A_LISTEN_PORT, device.listenPort)

/** Makes the peer or changes it; prefixes that it has and `peer` does not name are taken off. */
export const putPeerMessage = (familyId: number, name: string, peer: WireguardPeerSpec): MessageWriter =>
  setMessage(familyId, name).nested(k.WGDEVICE_A_PEERS, list => list.nested(k.LIST_ITEM, item => {
    item.bytes(k.WGPEER_A_PUBLIC_KEY, keyToBytes(peer.publicKey)).u32(k.WGPEER_A_FLAGS, k.WGPEER_F_REPLACE_ALLOWEDIPS)
    // All zeros is "none", and takes away what was set before.
    item.bytes(k.WGPEER_A_PRESHARED_KEY, peer.presharedKey === undefined ? new Uint8Array(32) : keyToBytes(peer.presharedKey))
    item.u16(k.WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer.keepaliveSeconds)
    if (peer.endpoint !== undefined) item.bytes(k.WGPEER_A_ENDPOINT, socketAddress(peer.endpoint))
    item.nested(k.WGPEER_A_ALLOWEDIPS, ips => {
      for (const prefix of peer.allowedIps) ips.nested(k.LIST_ITEM, ip => writeAllowedIp(ip, prefix))
    })
  }))

export const removePeerMessage = (familyId: number, name: string, publicKey: WireguardKey): MessageWriter =>
  setMessage(familyId, name).nested(k.WGDEVICE_A_PEERS, list => list.nested(k.LIST_ITEM, item =>
    void item.bytes(k.WGPEER_A_PUBLIC_KEY, keyToBytes(publicKey)).u32(k.WGPEER_A_FLAGS, k.WGPEER_F_REMOVE_ME)))

function writeAllowedIp(ip: MessageWriter, prefix: Prefix): void {
  ip.u16(k.WGALLOWEDIP_A_FAMILY, prefix.family === 4 ? k.AF_INET : k.AF_INET6)
  ip.bytes(k.WGALLOWEDIP_A_IPADDR, addressToBytes(networkAddress(prefix))).u8(k.WGALLOWEDIP_A_CIDR_MASK, prefix.length)
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes): family in the host's byte order, port in the network's. */
function socketAddress({ address, port }: Endpoint): Uint8Array {
  const bytes = Buffer.alloc(address.family === 4 ? 16 : 28)
  bytes.writeUInt16LE(address.family === 4 ? k.AF_INET : k.AF_INET6)
  bytes.writeUInt16BE(port, 2)
  bytes.set(addressToBytes(address), address.family === 4 ? 4 : 8)
  return bytes
}

/**
 * The device that a dump describes; undefined for an empty one. It may come in several messages, and a peer with many
 * prefixes in several parts, of which all but the first carry only its key and more prefixes.
 */
export function readDevice(messages: readonly Message[]): WireguardDevice | undefined {
  const parts = messages.map(genericAttributes)
  const [head] = parts
  if (head === undefined) return undefined
  const peers = new Map<WireguardKey, WireguardPeer>()
  for (const part of parts) {
    for (const item of part.nested(k.WGDEVICE_A_PEERS)?.nestedItems() ?? []) {
      const peer = readPeer(item)
      const begun = peers.get(peer.publicKey)
      peers.set(peer.publicKey, begun === undefined ? peer : { ...begun, allowedIps: [...begun.allowedIps, ...peer.allowedIps] })
    }
  }
  return {
    ifindex: head.u32(k.WGDEVICE_A_IFINDEX) ?? 0,
    name: head.string(k.WGDEVICE_A_IFNAME) ?? '',
    publicKey: keyIn(head.bytes(k.WGDEVICE_A_PUBLIC_KEY)),
    listenPort: head.u16(k.WGDEVICE_A_LISTEN_PORT) ?? 0,
    peers: [...peers.values()],
  }
}

function readPeer(item: Attributes): WireguardPeer {
  const publicKey = keyIn(item.bytes(k.WGPEER_A_PUBLIC_KEY))
  if (publicKey === undefined) throw new NetlinkError('NETLINK_MALFORMED', 'a WireGuard peer without a public key')
  return {
    publicKey,
    presharedKey: keyIn(item.bytes(k.WGPEER_A_PRESHARED_KEY)),
    endpoint: endpointIn(item.bytes(k.WGPEER_A_ENDPOINT)),
    keepaliveSeconds: item.u16(k.WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL) ?? 0,
    allowedIps: (item.nested(k.WGPEER_A_ALLOWEDIPS)?.nestedItems() ?? []).map(readAllowedIp),
    lastHandshakeMs: timeIn(item.bytes(k.WGPEER_A_LAST_HANDSHAKE_TIME)),
    receivedBytes: item.u64(k.WGPEER_A_RX_BYTES) ?? 0n,
    sentBytes: item.u64(k.WGPEER_A_TX_BYTES) ?? 0n,
  }
}

/** The kernel writes all zeros for "none". */
const keyIn = (bytes: Buffer | undefined): WireguardKey | undefined => (bytes === undefined || bytes.every(byte => byte === 0) ? undefined : keyFromBytes(bytes))

function endpointIn(bytes: Buffer | undefined): Endpoint | undefined {
  if (bytes === undefined || bytes.length < 16) return undefined
  const family = bytes.readUInt16LE()
  const port = bytes.readUInt16BE(2)
  if (family === k.AF_INET) return { address: addressFromBytes(bytes.subarray(4, 8)), port }
  return family === k.AF_INET6 && bytes.length >= 24 ? { address: addressFromBytes(bytes.subarray(8, 24)), port } : undefined
}

/** struct __kernel_timespec: seconds and nanoseconds, eight bytes each. */
function timeIn(bytes: Buffer | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 16) return undefined
  const ms = Number(bytes.readBigInt64LE()) * 1000 + Math.floor(Number(bytes.readBigInt64LE(8)) / 1_000_000)
  return ms === 0 ? undefined : ms
}

function readAllowedIp(ip: Attributes): Prefix {
  const address: Address = addressFromBytes(ip.bytes(k.WGALLOWEDIP_A_IPADDR) ?? Buffer.alloc(0))
  return prefixOf(address, ip.u8(k.WGALLOWEDIP_A_CIDR_MASK) ?? 0)
}
