// linux/wireguard.h, Linux 6.12.

export const WG_GENL_NAME = 'wireguard'
export const WG_GENL_VERSION = 1

export const WG_CMD_GET_DEVICE = 0
export const WG_CMD_SET_DEVICE = 1

/** enum wgdevice_attribute. */
export const WGDEVICE_A_IFINDEX = 1
export const WGDEVICE_A_IFNAME = 2
export const WGDEVICE_A_PRIVATE_KEY = 3
export const WGDEVICE_A_PUBLIC_KEY = 4
export const WGDEVICE_A_LISTEN_PORT = 6
export const WGDEVICE_A_PEERS = 8

/** enum wgpeer_flag. */
export const WGPEER_F_REMOVE_ME = 1 << 0
export const WGPEER_F_REPLACE_ALLOWEDIPS = 1 << 1

/** enum wgpeer_attribute. */
export const WGPEER_A_PUBLIC_KEY = 1
export const WGPEER_A_PRESHARED_KEY = 2
export const WGPEER_A_FLAGS = 3
export const WGPEER_A_ENDPOINT = 4
export const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL = 5
export const WGPEER_A_LAST_HANDSHAKE_TIME = 6
export const WGPEER_A_RX_BYTES = 7
export const WGPEER_A_TX_BYTES = 8
export const WGPEER_A_ALLOWEDIPS = 9

/** enum wgallowedip_attribute. */
export const WGALLOWEDIP_A_FAMILY = 1
export const WGALLOWEDIP_A_IPADDR = 2
export const WGALLOWEDIP_A_CIDR_MASK = 3

/** Items of a nested list have no type of their own. */
export const LIST_ITEM = 0

/** linux/socket.h. */
export const AF_INET = 2
export const AF_INET6 = 10
