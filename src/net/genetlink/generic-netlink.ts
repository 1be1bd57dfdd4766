// Generic netlink: families that the kernel numbers when their module is loaded, found by name (linux/genetlink.h).

import { Attributes } from '../netlink/attributes.ts'
import { NETLINK_GENERIC } from '../netlink/constants.ts'
import { MessageWriter } from '../netlink/message-writer.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import { NetlinkSocket, type RequestOptions } from '../netlink/netlink-socket.ts'
import type { Message } from '../netlink/message.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_CTRL_VERSION, GENL_HEADER_BYTES, GENL_ID_CTRL } from './constants.ts'

export type GenericCommand = Readonly<{
  command: number
  version: number
  /** For errors: "WG_CMD_SET_DEVICE flannel-wg". */
  operation: string
}>

/** A message of the family with that number, with nothing behind its header yet. */
export const genericMessage = (familyId: number, { command, version, operation }: GenericCommand): MessageWriter =>
  new MessageWriter({ type: familyId, flags: 0, operation }, Uint8Array.of(command, version, 0, 0))

/** The attributes behind a generic message's header. */
export const genericAttributes = (message: Message): Attributes => Attributes.parse(message.payload.subarray(GENL_HEADER_BYTES))

export class GenericNetlink implements AsyncDisposable {
  readonly #socket: NetlinkSocket
  readonly #ids = new Map<string, number>()

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Opens a socket in our own namespace or in the one named. Synchronous; dispose of it. */
  static open(options: Readonly<{ netns?: NetnsReference | undefined }> = {}): GenericNetlink {
    return new GenericNetlink(NetlinkSocket.open({ protocol: NETLINK_GENERIC, netns: options.netns }))
  }

  /** The number of a family, which stays while its module is loaded; undefined when this kernel has no such family. */
  async familyId(name: string, options: RequestOptions): Promise<number | undefined> {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const request = genericMessage(GENL_ID_CTRL, { command: CTRL_CMD_GETFAMILY, version: GENL_CTRL_VERSION, operation: `CTRL_CMD_GETFAMILY ${name}` })
    try {
      const [reply] = await this.#socket.request(request.string(CTRL_ATTR_FAMILY_NAME, name), options)
      const id = reply === undefined ? undefined : genericAttributes(reply).u16(CTRL_ATTR_FAMILY_ID)
      if (id !== undefined) this.#ids.set(name, id)
      return id
    } catch (error) {
      if (isRefusal(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** Forgets a number: a module that was unloaded and loaded again has another. */
  forget(name: string): void {
    this.#ids.delete(name)
  }

  request(message: MessageWriter, options: RequestOptions): Promise<readonly Message[]> {
    return this.#socket.request(message, options)
  }

  dump(message: MessageWriter, options: RequestOptions): Promise<readonly Message[]> {
    return this.#socket.dump(message, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }
}
