// linux/if_link.h, if.h, veth.h and if_tunnel.h, Linux 6.12.

export const IFF_UP = 0x1
export const IFF_LOOPBACK = 0x8
export const IFF_RUNNING = 0x40
export const IFF_PROMISC = 0x100
export const IFF_LOWER_UP = 0x10000

export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_LINK = 5
export const IFLA_MASTER = 10
export const IFLA_TXQLEN = 13
export const IFLA_OPERSTATE = 16
export const IFLA_LINKINFO = 18
export const IFLA_IFALIAS = 20
export const IFLA_AF_SPEC = 26
export const IFLA_GROUP = 27
export const IFLA_NET_NS_FD = 28
export const IFLA_EXT_MASK = 29
export const IFLA_NUM_TX_QUEUES = 31
export const IFLA_NUM_RX_QUEUES = 32
export const IFLA_LINK_NETNSID = 37
export const IFLA_PROP_LIST = 52
export const IFLA_ALT_IFNAME = 53
/** Inside IFLA_AF_SPEC, under AF_INET6; 1 = no link-local address is made (enum in6_addr_gen_mode). */
export const IFLA_INET6_ADDR_GEN_MODE = 8
export const IN6_ADDR_GEN_MODE_NONE = 1
/** Value of IFLA_EXT_MASK: leaves the counters out, which are most of an answer. */
export const RTEXT_FILTER_SKIP_STATS = 8
/** Value of IFLA_EXT_MASK in a dump of family AF_BRIDGE: VLANs of ports, runs of equal ones as ranges. */
export const RTEXT_FILTER_BRVLAN_COMPRESSED = 4

export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const IFLA_INFO_SLAVE_KIND = 4
export const IFLA_INFO_SLAVE_DATA = 5

export const VETH_INFO_PEER = 1

export const IFLA_VXLAN_ID = 1
export const IFLA_VXLAN_GROUP = 2
export const IFLA_VXLAN_LINK = 3
export const IFLA_VXLAN_LOCAL = 4
export const IFLA_VXLAN_TTL = 5
export const IFLA_VXLAN_LEARNING = 7
export const IFLA_VXLAN_PORT = 15
export const IFLA_VXLAN_GROUP6 = 16
export const IFLA_VXLAN_LOCAL6 = 17
export const IFLA_VXLAN_UDP_CSUM = 18
export const IFLA_VXLAN_UDP_ZERO_CSUM6_TX = 19
export const IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20
export const IFLA_VXLAN_GBP = 23
export const IFLA_VXLAN_DF = 29

export const IFLA_BR_FORWARD_DELAY = 1
export const IFLA_BR_AGEING_TIME = 4
export const IFLA_BR_STP_STATE = 5
export const IFLA_BR_VLAN_FILTERING = 7
export const IFLA_BR_MCAST_SNOOPING = 23

export const IFLA_BRPORT_STATE = 1
export const IFLA_BRPORT_MODE = 4
export const IFLA_BRPORT_LEARNING = 8
export const IFLA_BRPORT_UNICAST_FLOOD = 9
export const IFLA_BRPORT_NEIGH_SUPPRESS = 32
export const IFLA_BRPORT_ISOLATED = 33

export const IFLA_IPTUN_LINK = 1
export const IFLA_IPTUN_LOCAL = 2
export const IFLA_IPTUN_REMOTE = 3
export const IFLA_IPTUN_TTL = 4
export const IFLA_IPTUN_PMTUDISC = 10

/** linux/if_bridge.h: inside IFLA_AF_SPEC of a message of family AF_BRIDGE; struct bridge_vlan_info { u16 flags; u16 vid }. */
export const IFLA_BRIDGE_VLAN_INFO = 2
export const BRIDGE_VLAN_INFO_PVID = 2
export const BRIDGE_VLAN_INFO_UNTAGGED = 4
export const BRIDGE_VLAN_INFO_RANGE_BEGIN = 8
export const BRIDGE_VLAN_INFO_RANGE_END = 16
