// A WireGuard device and its peers as values.

import type { Address } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { WireguardKey } from './key.ts'

export type Endpoint = Readonly<{ address: Address; port: number }>

export type WireguardPeer = Readonly<{
  publicKey: WireguardKey
  presharedKey: WireguardKey | undefined
  /** Where packets to the peer go: as configured, or where its last authentic packet came from. */
  endpoint: Endpoint | undefined
  /** Seconds; 0 is off. */
  keepaliveSeconds: number
  allowedIps: readonly Prefix[]
  /** Wall-clock time of the last handshake in milliseconds; undefined when there was none. */
  lastHandshakeMs: number | undefined
  receivedBytes: bigint
  sentBytes: bigint
}>

export type WireguardDevice = Readonly<{
  ifindex: number
  name: string
  /** Undefined until a private key is set. */
  publicKey: WireguardKey | undefined
  listenPort: number
  peers: readonly WireguardPeer[]
}>

/** What a peer is to be; its handshakes and counters are the kernel's. */
export type WireguardPeerSpec = Readonly<{
  publicKey: WireguardKey
  presharedKey: WireguardKey | undefined
  /** Undefined leaves it as it is. */
  endpoint: Endpoint | undefined
  keepaliveSeconds: number
  allowedIps: readonly Prefix[]
}>
