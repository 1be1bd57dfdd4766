// Numbers of ICMP and of the socket options around it.

/** linux/icmp.h, linux/icmpv6.h */
export const ICMP_ECHO_REQUEST = { 4: 8, 6: 128 } as const
export const ICMP_ECHO_REPLY = { 4: 0, 6: 129 } as const

/** bits/socket.h */
export const SOCKET_FAMILY = { 4: 2, 6: 10 } as const
export const SOCK_NONBLOCK = 0o4000

/** netinet/in.h */
export const IP_PROTOCOL_ICMP = { 4: 1, 6: 58 } as const

/** linux/in.h IP_MTU_DISCOVER at SOL_IP, linux/in6.h IPV6_MTU_DISCOVER at SOL_IPV6 */
export const MTU_DISCOVER = { 4: { level: 0, name: 10 }, 6: { level: 41, name: 23 } } as const
/** Sets DF and goes by the link's MTU, whatever was learnt about the path: what a probe of the path needs. */
export const PMTUDISC_PROBE = 3

/** linux/icmp.h ICMP_FILTER at SOL_RAW: a set bit drops that type. linux/icmpv6.h ICMPV6_FILTER at SOL_ICMPV6: the same, 256 types. */
export const ICMP_FILTER = { 4: { level: 255, name: 1, words: 1 }, 6: { level: 58, name: 1, words: 8 } } as const

/** IPv4 header without options (RFC 791), IPv6 header (RFC 8200). */
export const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const
export const ICMP_HEADER_BYTES = 8
