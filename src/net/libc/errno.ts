// errno numbers and names (errno(3), asm-generic/errno.h), both ways.

import { constants } from 'node:os'

/** Names sharing a number with another: the one that Linux's manual pages lead with is kept. */
const SECOND_NAMES: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'ENOTSUP'])

/** Numbers that Linux's netlink families answer with and Node has no name for (asm-generic/errno.h, linux/errno.h). */
const LINUX_NAMES: readonly (readonly [number, string])[] = [[85, 'ERESTART'], [524, 'ENOTSUPP']]

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).filter(([name]) => !SECOND_NAMES.has(name)).map(([name, number]) => [number, name] as const),
  ...LINUX_NAMES,
])

/** "EEXIST" for 17; a number that Node has no name for is answered as "errno 524". */
export const errnoName = (errno: number): string => NAMES.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`
