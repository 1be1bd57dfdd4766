// A link's settings as a port of a bridge: IFLA_BRPORT_* (linux/if_link.h).

import type { Attributes } from '../netlink/attributes.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import * as k from './link-constants.ts'
import type { BridgePort } from './link.ts'

const FLAGS = {
  hairpin: k.IFLA_BRPORT_MODE,
  isolated: k.IFLA_BRPORT_ISOLATED,
  learning: k.IFLA_BRPORT_LEARNING,
  unicastFlood: k.IFLA_BRPORT_UNICAST_FLOOD,
  neighbourSuppression: k.IFLA_BRPORT_NEIGH_SUPPRESS,
} as const satisfies Record<keyof Omit<BridgePort, 'state'>, number>

export function readBridgePort(data: Attributes | undefined): BridgePort {
  const flag = (name: keyof typeof FLAGS): boolean => data?.boolean(FLAGS[name]) ?? false
  return {
    hairpin: flag('hairpin'),
    isolated: flag('isolated'),
    learning: flag('learning'),
    unicastFlood: flag('unicastFlood'),
    neighbourSuppression: flag('neighbourSuppression'),
    state: data?.u8(k.IFLA_BRPORT_STATE) ?? 0,
  }
}

export function writeBridgePort(data: MessageWriter, port: Partial<Omit<BridgePort, 'state'>>): void {
  for (const [name, type] of Object.entries(FLAGS)) {
    const value = port[name as keyof typeof FLAGS]
    if (value !== undefined) data.boolean(type, value)
  }
}
