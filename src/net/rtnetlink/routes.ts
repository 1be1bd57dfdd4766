// The routing tables of one namespace.

import { formatAddress, type Address, type Family } from '../ip/address.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts'
import { isRefusal } from '../netlink/netlink-error.ts'
import type { NetlinkSocket, RequestOptions } from '../netlink/netlink-socket.ts'
import { RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE, RTM_F_CLONED } from './constants.ts'
import { describeRoute, readRoute, routeDumpMessage, routeLookupMessage, routeMessage, routeRemovalMessage, type Route, type RouteFilter, type RouteSpec } from './route.ts'

export class Routes {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** The routes that pass the filter, of both families unless one is named. A table that does not exist is empty. */
  async list(options: RequestOptions & RouteFilter & Readonly<{ family?: Family }>): Promise<readonly Route[]> {
    const found: Route[] = []
    for (const family of options.family === undefined ? ([4, 6] as const) : [options.family]) {
      try {
        const { table, protocol, type, linkIndex } = options
        const filter: RouteFilter = { ...(table !== undefined && { table }), ...(protocol !== undefined && { protocol }), ...(type !== undefined && { type }), ...(linkIndex !== undefined && { linkIndex }) }
        const messages = await this.#socket.dump(routeDumpMessage({ type: RTM_GETROUTE, flags: 0, operation: `RTM_GETROUTE (all, IPv${family})` }, family, filter), options)
        for (const message of messages) {
          if ((message.payload.readUInt32LE(8) & RTM_F_CLONED) !== 0) continue
          const route = readRoute(message.payload)
          if (route !== undefined) found.push(route)
        }
      } catch (error) {
        // ENOENT: no such table; ENODEV: no such link; EAFNOSUPPORT: a kernel without IPv6.
        if (!isRefusal(error, 'ENOENT', 'ENODEV', 'EAFNOSUPPORT')) throw error
      }
    }
    return found
  }

  /** The route that a packet of this host to `address` takes now, or undefined when there is none. */
  async lookup(address: Address, options: RequestOptions & Readonly<{ linkIndex?: number }>): Promise<Route | undefined> {
    try {
      const message = routeLookupMessage({ type: RTM_GETROUTE, flags: 0, operation: `RTM_GETROUTE ${formatAddress(address)}` }, address, options)
      const [answer] = await this.#socket.request(message, options)
      return answer === undefined ? undefined : readRoute(answer.payload)
    } catch (error) {
      if (isRefusal(error, 'ENETUNREACH', 'EHOSTUNREACH', 'ENODEV', 'EACCES', 'EINVAL')) return undefined
      throw error
    }
  }

  /** Adds a route. EEXIST when one with the same destination, metric and table stands. */
  async add(spec: RouteSpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWROUTE', NLM_F_CREATE | NLM_F_EXCL, spec, options)
  }

  /** Adds a route beside others with the same destination and metric. */
  async append(spec: RouteSpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWROUTE (append)', NLM_F_CREATE | NLM_F_APPEND, spec, options)
  }

  /** Adds a route, taking the place of one with the same destination, metric and table. */
  async replace(spec: RouteSpec, options: RequestOptions): Promise<void> {
    await this.#write('RTM_NEWROUTE (replace)', NLM_F_CREATE | NLM_F_REPLACE, spec, options)
  }

  /** Removes one route that matches all that `spec` states; one that is gone already is success, be it with its link. */
  async remove(spec: RouteSpec, options: RequestOptions): Promise<'removed' | 'absent'> {
    try {
      await this.#socket.request(routeRemovalMessage({ type: RTM_DELROUTE, flags: 0, operation: `RTM_DELROUTE ${describeRoute(spec)}` }, spec), options)
      return 'removed'
    } catch (error) {
      if (isRefusal(error, 'ESRCH', 'ENOENT', 'ENODEV', 'ENXIO', 'ENETUNREACH')) return 'absent'
      throw error
    }
  }

  async #write(verb: string, flags: number, spec: RouteSpec, options: RequestOptions): Promise<void> {
    await this.#socket.request(routeMessage({ type: RTM_NEWROUTE, flags, operation: `${verb} ${describeRoute(spec)}` }, spec), options)
  }
}
