// The folder of ip-netns(8). Before its first namespace, `ip netns add` makes the folder a shared mount, so that namespaces
// are seen and removed from every mount namespace. It does so by binding the folder over itself: what was mounted in it
// until then lies below and can never be removed. Whoever keeps namespaces there has to do the same first.

import { closeSync, openSync } from 'node:fs'
import { LibcError, lockFile, mount, MS_BIND, MS_REC, MS_SHARED } from '../libc/libc.ts'

export const NETNS_FOLDER = '/run/netns'

/** Makes the folder, which must exist, a shared mount if it is none yet. */
export function prepareNetnsFolder(): void {
  // ip-netns(8) holds this lock meanwhile: two that bind at once would hide each other's namespaces.
  const lock = openSync(NETNS_FOLDER, 'r')
  try {
    lockFile(lock)
    try {
      mount('', NETNS_FOLDER, MS_SHARED | MS_REC)
    } catch (error) {
      // EINVAL: not a mount point.
      if (!(error instanceof LibcError && error.errnoName === 'EINVAL')) throw error
      mount(NETNS_FOLDER, NETNS_FOLDER, MS_BIND | MS_REC)
      mount('', NETNS_FOLDER, MS_SHARED | MS_REC)
    }
  } finally {
    closeSync(lock)
  }
}
