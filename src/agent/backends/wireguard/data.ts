// What a wireguard host publishes: {"PublicKey":"<base64>","Port":51820}, per family.

import type { Family } from '../../../net/ip/address.ts'
import { parseWireguardKey, type WireguardKey } from '../../../net/wireguard/key.ts'
import { WeftError } from '../../../ops/errors.ts'
import type { WireguardConfig } from '../../config/backend-config.ts'
import { perFamily, type PerFamily } from '../../leases/per-family.ts'

export type PeerData = Readonly<{
  publicKey: WireguardKey
  /** Undefined where none is published, as flannel before 0.20 did. */
  port: number | undefined
}>

/** The port of each family is the one that is really listened on: with one device for both families it is that device's. */
export const wireguardData = (config: WireguardConfig, own: Readonly<{ publicKey: WireguardKey; families: readonly Family[] }>): PerFamily<unknown> =>
  perFamily(family => (own.families.includes(family) ? { PublicKey: own.publicKey, Port: listenPort(config, family) } : undefined))

/** The UDP port of the device that carries pods of `family`. */
export const listenPort = (config: WireguardConfig, family: Family): number => (config.mode === 'separate' && family === 6 ? config.listenPortV6 : config.listenPort)

/** Reads a peer's published data; throws a WeftError that names what is wrong with it. */
export function parsePeerData(data: unknown): PeerData {
  const { PublicKey: key, Port: port } = (data ?? {}) as { PublicKey?: unknown; Port?: unknown }
  const publicKey = parseWireguardKey(String(key ?? ''), 'PublicKey')
  if (port === undefined || port === null || port === 0) return { publicKey, port: undefined }
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new WeftError('INVALID_INPUT', `Port: ${JSON.stringify(port)}: is not a port between 1 and 65535`, { field: 'Port', value: port })
  }
  return { publicKey, port }
}
