// Whose an element of our tables is: its comment.

import type { AttachmentId } from '../attachment/names.ts'

/** Enough of a container id to recognise it; a comment takes 128 characters in older nft programs. */
const COMMENT_ID_LENGTH = 64

export const ownerComment = ({ containerId, ifname }: AttachmentId): string => `${containerId.slice(0, COMMENT_ID_LENGTH)}/${ifname}`
