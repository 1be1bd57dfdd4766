// What all netfilter subsystems share on a NETLINK_NETFILTER socket: the message type's two halves and struct nfgenmsg
// { u8 family; u8 version; u16be res_id } (linux/netfilter/nfnetlink.h, Linux 6.12).

import type { Family } from '../ip/address.ts'
import { MessageWriter } from '../netlink/message-writer.ts'

export const NFNL_SUBSYS_CTNETLINK = 1
export const NFNL_SUBSYS_ACCT = 7
export const NFNL_SUBSYS_NFTABLES = 10

/** Multicast group of nf_tables. */
export const NFNLGRP_NFTABLES = 7

/** sys/socket.h, as netfilter's "protocol family" carries them. */
export const NFPROTO = { 4: 2, 6: 10 } as const satisfies Record<Family, number>
export const NFPROTO_UNSPEC = 0

export const NFGENMSG_BYTES = 4

export type NetfilterHead = Readonly<{ subsystem: number; message: number; flags: number; operation: string; family: number }>

/** Begins a message of a netfilter subsystem. */
export const netfilterMessage = ({ subsystem, message, flags, operation, family }: NetfilterHead): MessageWriter =>
  new MessageWriter({ type: (subsystem << 8) | message, flags, operation }, Uint8Array.of(family, 0, 0, 0))

export const subsystemOf = (messageType: number): number => messageType >> 8
export const messageOf = (messageType: number): number => messageType & 0xff
