// Numbers of linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h and linux/netfilter.h (Linux 6.12), under the kernel's names.

export const NETLINK_NETFILTER = 12
export const NFNL_SUBSYS_NFTABLES = 10
export const NFNL_MSG_BATCH_BEGIN = 0x10
export const NFNL_MSG_BATCH_END = 0x11
export const NFNL_BATCH_GENID = 1
export const NFNLGRP_NFTABLES = 7

/** enum nf_tables_msg_types; on the wire with the subsystem in the high byte. */
export const NFT_MSG = {
  NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2,
  NEWCHAIN: 3, GETCHAIN: 4, DELCHAIN: 5,
  NEWRULE: 6, GETRULE: 7, DELRULE: 8,
  NEWSET: 9, GETSET: 10, DELSET: 11,
  NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14,
  NEWGEN: 15, GETGEN: 16,
} as const

/** `subsystem << 8 | message`, as nlmsghdr.type carries it. */
export const nftMessageType = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message

/** Address families of tables (NFPROTO_*). */
export const NFPROTO = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const
export type TableFamily = keyof typeof NFPROTO

/** enum nf_inet_hooks; NF_BR_* of linux/netfilter_bridge.h are the same numbers. */
export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const
export type HookName = keyof typeof HOOK

export const NFTA_LIST_ELEM = 1
export const NFTA_TABLE = { NAME: 1, FLAGS: 2, USE: 3, HANDLE: 4, USERDATA: 6 } as const
export const NFTA_CHAIN = { TABLE: 1, HANDLE: 2, NAME: 3, HOOK: 4, POLICY: 5, USE: 6, TYPE: 7, USERDATA: 12 } as const
export const NFTA_HOOK = { HOOKNUM: 1, PRIORITY: 2 } as const
export const NFTA_RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, POSITION: 6, USERDATA: 7 } as const
export const NFTA_EXPR = { NAME: 1, DATA: 2 } as const
export const NFTA_SET = {
  TABLE: 1, NAME: 2, FLAGS: 3, KEY_TYPE: 4, KEY_LEN: 5, DATA_TYPE: 6, DATA_LEN: 7, POLICY: 8, DESC: 9, ID: 10,
  TIMEOUT: 11, GC_INTERVAL: 12, USERDATA: 13, HANDLE: 16,
} as const
export const NFTA_SET_DESC = { SIZE: 1, CONCAT: 2 } as const
export const NFTA_SET_FIELD_LEN = 1
export const NFTA_SET_ELEM_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3, SET_ID: 4 } as const
export const NFTA_SET_ELEM = { KEY: 1, DATA: 2, FLAGS: 3, TIMEOUT: 4, EXPIRATION: 5, USERDATA: 6, KEY_END: 10 } as const
export const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const
export const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const
export const NFTA_GEN = { ID: 1, PROC_PID: 2, PROC_NAME: 3 } as const

/** enum nft_set_flags */
export const NFT_SET = { ANONYMOUS: 1, CONSTANT: 2, INTERVAL: 4, MAP: 8, TIMEOUT: 0x10, EVAL: 0x20, CONCAT: 0x80 } as const
/** Element marks the end of an interval. */
export const NFT_SET_ELEM_INTERVAL_END = 1
/** NFTA_SET_DATA_TYPE of a verdict map. */
export const NFT_DATA_VERDICT = 0xffff_ff00

/** enum nft_verdicts, and NF_DROP/NF_ACCEPT of linux/netfilter.h. */
export const VERDICT_CODE = { drop: 0, accept: 1, continue: -1, break: -2, jump: -3, goto: -4, return: -5 } as const

/** The verdict register, and the first of the sixteen 32-bit registers (enum nft_registers). */
export const NFT_REG_VERDICT = 0
export const NFT_REG32_00 = 8
export const NFT_REG32_COUNT = 16

/** Longest names the kernel takes (NFT_TABLE_MAXNAMELEN and friends are NFT_NAME_MAXLEN), without the terminating zero. */
export const NFT_NAME_BYTES = 255
/** NFT_USERDATA_MAXLEN */
export const NFT_USERDATA_BYTES = 256
