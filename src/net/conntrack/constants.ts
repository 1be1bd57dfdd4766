// linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_common.h, Linux 6.12.

export const NFNL_SUBSYS_CTNETLINK = 1
export const IPCTNL_MSG_CT_GET = 1
export const IPCTNL_MSG_CT_DELETE = 2

/** enum ctattr_type */
export const CTA_TUPLE_ORIG = 1
export const CTA_TUPLE_REPLY = 2
export const CTA_ID = 12
export const CTA_ZONE = 18
export const CTA_FILTER = 25

/** enum ctattr_tuple */
export const CTA_TUPLE_IP = 1
export const CTA_TUPLE_PROTO = 2

/** enum ctattr_ip */
export const CTA_IP_V4_SRC = 1
export const CTA_IP_V4_DST = 2
export const CTA_IP_V6_SRC = 3
export const CTA_IP_V6_DST = 4

/** enum ctattr_l4proto */
export const CTA_PROTO_NUM = 1
export const CTA_PROTO_SRC_PORT = 2
export const CTA_PROTO_DST_PORT = 3

/** enum ctattr_filter, since Linux 5.8; older kernels ignore it and dump everything. */
export const CTA_FILTER_ORIG_FLAGS = 1
export const CTA_FILTER_REPLY_FLAGS = 2
/** CTA_FILTER_FLAG(CTA_PROTO_NUM) in net/netfilter/nf_conntrack_netlink.c */
export const CTA_FILTER_F_PROTO_NUM = 1 << 3
