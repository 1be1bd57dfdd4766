// WireGuard devices of a namespace, over generic netlink: what they are, their keys, ports and peers. The link itself is rtnetlink's.

import { GenericNetlink } from '../genetlink/generic-netlink.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import type { Message } from '../netlink/message.ts'
import { isRefusal, NetlinkError } from '../netlink/netlink-error.ts'
import type { RequestOptions } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { getDeviceMessage, putPeerMessage, readDevice, removePeerMessage, setDeviceMessage } from './codec.ts'
import { WG_GENL_NAME } from './constants.ts'
import type { WireguardDevice, WireguardPeerSpec } from './device.ts'
import type { WireguardKey } from './key.ts'

export class Wireguard implements AsyncDisposable {
  readonly #genl: GenericNetlink

  private constructor(genl: GenericNetlink) {
    this.#genl = genl
  }

  /** Opens in our own namespace or in the one named. Synchronous; dispose of it. */
  static open(options: Readonly<{ netns?: NetnsReference | undefined }> = {}): Wireguard {
    return new Wireguard(GenericNetlink.open(options))
  }

  /** The device with that name and all its peers; undefined when there is none, or when it is no WireGuard device. */
  async device(name: string, options: RequestOptions): Promise<WireguardDevice | undefined> {
    try {
      return readDevice(await this.#send(id => this.#genl.dump(getDeviceMessage(id, name), options), options))
    } catch (error) {
      if (isRefusal(error, 'ENODEV', 'EOPNOTSUPP')) return undefined
      throw error
    }
  }

  /** Sets key and port. Sessions of a device that has both already go on. */
  async configure(name: string, device: Readonly<{ privateKey: WireguardKey; listenPort: number }>, options: RequestOptions): Promise<void> {
    await this.#request(id => setDeviceMessage(id, name, device), options)
  }

  async putPeer(name: string, peer: WireguardPeerSpec, options: RequestOptions): Promise<void> {
    await this.#request(id => putPeerMessage(id, name, peer), options)
  }

  /** A peer that is not there is success. */
  async removePeer(name: string, publicKey: WireguardKey, options: RequestOptions): Promise<void> {
    await this.#request(id => removePeerMessage(id, name, publicKey), options)
  }

  #request(message: (familyId: number) => MessageWriter, options: RequestOptions): Promise<readonly Message[]> {
    return this.#send(id => this.#genl.request(message(id), options), options)
  }

  /** The kernel answers ENOENT to a family number that went with its module. */
  async #send<T>(send: (familyId: number) => Promise<T>, options: RequestOptions): Promise<T> {
    const id = await this.#genl.familyId(WG_GENL_NAME, options)
    if (id === undefined) throw new NetlinkError('NETLINK_REFUSED', 'the kernel has no WireGuard support', { refusal: { errno: 95, errnoName: 'EOPNOTSUPP' } })
    try {
      return await send(id)
    } catch (error) {
      if (isRefusal(error, 'ENOENT')) this.#genl.forget(WG_GENL_NAME)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#genl[Symbol.asyncDispose]()
  }
}
