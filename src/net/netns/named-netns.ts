// Network namespaces that live under a path of their own, as `ip netns` and container runtimes keep them:
// a bind mount of the namespace's nsfs file (ip-netns(8)).

import { closeSync, mkdirSync, openSync, rmSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { WeftError } from '../../ops/errors.ts'
import { MNT_DETACH, MS_BIND, mount, umount, LibcError } from '../libc/libc.ts'
import { NETNS_FOLDER, prepareNetnsFolder } from './netns-folder.ts'
import { netnsIdentity, type NetnsIdentity } from './identity.ts'
import { inNewNetns } from './in-netns.ts'

/** linux/magic.h */
const NSFS_MAGIC = 0x6e73_6673

/** Makes a network namespace and keeps it at `path`, which must not exist. */
export function createNetns(path: string): NetnsIdentity {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  if (dirname(path) === NETNS_FOLDER) prepareNetnsFolder()
  try {
    closeSync(openSync(path, 'wx', 0o444))
  } catch (cause) {
    throw new WeftError('NETNS_EXISTS', `cannot make a network namespace at ${path}: the path is taken; remove it first`, { path }, { cause })
  }
  try {
    inNewNetns(() => mount('/proc/thread-self/ns/net', path, MS_BIND))
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
  return netnsIdentity(path)
}

/** Removes the namespace kept at `path`; links and processes that hold it by other means keep it alive. Absent is success. */
export function removeNetns(path: string): void {
  // A path may carry several mounts when an earlier creation was killed half-way; each is taken off.
  while (isNetnsPath(path)) {
    try {
      umount(path, MNT_DETACH)
    } catch (error) {
      if (error instanceof LibcError && error.errnoName === 'EINVAL') break
      throw error
    }
  }
  rmSync(path, { force: true })
}

/** True when a namespace is mounted at `path`. */
export function isNetnsPath(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
