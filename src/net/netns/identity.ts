// What a network namespace is, whichever path leads to it: device and inode of its nsfs file.

import { fstatSync, statfsSync, statSync } from 'node:fs'
import { InputError } from '../../ops/errors.ts'

export type NetnsIdentity = Readonly<{ device: bigint; inode: bigint }>

/** A namespace as callers name it: an open descriptor or a path such as /run/netns/x or /proc/7/ns/net. */
export type NetnsReference = number | string

/** linux/magic.h */
const NSFS_MAGIC = 0x6e73_6673

/** Identity of the namespace behind a descriptor or a path. Throws InputError when it is no namespace file. */
export function netnsIdentity(netns: NetnsReference): NetnsIdentity {
  const path = typeof netns === 'number' ? `/proc/self/fd/${netns}` : netns
  if (statfsSync(path).type !== NSFS_MAGIC) throw new InputError('netns', netns, 'is not a namespace file')
  const { dev, ino } = typeof netns === 'number' ? fstatSync(netns, { bigint: true }) : statSync(netns, { bigint: true })
  return { device: dev, inode: ino }
}

/** Identity of the namespace that the calling thread is in. */
export const ownNetnsIdentity = (): NetnsIdentity => netnsIdentity('/proc/thread-self/ns/net')

export const sameNetns = (a: NetnsIdentity, b: NetnsIdentity): boolean => a.device === b.device && a.inode === b.inode
