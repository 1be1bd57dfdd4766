// linux/genetlink.h, Linux 6.12.

/** The family that knows the numbers of all others. */
export const GENL_ID_CTRL = 0x10
export const GENL_CTRL_VERSION = 2
export const CTRL_CMD_GETFAMILY = 3

export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2

/** struct genlmsghdr { u8 cmd; u8 version; u16 reserved }. */
export const GENL_HEADER_BYTES = 4
