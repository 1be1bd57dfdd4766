// A pod's network namespace, pinned: the very object that the shim opened, not whatever a path leads to a moment later.

import { closeSync, openSync } from 'node:fs'
import { netnsIdentity, sameNetns, type NetnsIdentity } from '../../../src/net/netns/identity.ts'
import { CniError } from '../cni-error.ts'
import type { OpenedNetns } from '../wire/raw-request.ts'

/** Holds the descriptor until disposed. Any left open keeps a dead pod's namespace, links and addresses alive. */
export type PodNamespace = Disposable & Readonly<{ fd: number; inode: bigint }>

/**
 * Takes the namespace from the caller's own descriptor, which stays open until we answer, and checks that it is the one
 * the caller described. Throws 8 when it is none, or the host's own without the runtime's permission.
 */
export function openPodNamespace(options: Readonly<{
  path: string
  opened: OpenedNetns | undefined
  callerPid: number
  host: NetnsIdentity
  mayBeHost: boolean
}>): PodNamespace {
  const { opened, path } = options
  if (opened === undefined || opened.kind === 'failed') {
    throw new CniError('CNI_INVALID_NETNS', `cannot open the network namespace ${JSON.stringify(path)}${opened === undefined ? '' : `: errno ${opened.errno}`}`)
  }
  if (opened.kind === 'wrong-type') throw new CniError('CNI_INVALID_NETNS', `${JSON.stringify(path)} is not a network namespace`)
  let fd: number
  try {
    fd = openSync(`/proc/${options.callerPid}/fd/${opened.fd}`, 'r')
  } catch (cause) {
    throw new CniError('CNI_INVALID_NETNS', `the caller of weft-cni is gone, and with it the namespace it opened at ${JSON.stringify(path)}`, undefined, { cause })
  }
  try {
    const identity = netnsIdentity(fd)
    if (!sameNetns(identity, { device: opened.file.device, inode: opened.file.inode })) {
      throw new CniError('CNI_INVALID_NETNS', `the caller's descriptor for ${JSON.stringify(path)} is another namespace than it said`)
    }
    if (sameNetns(identity, options.host) && !options.mayBeHost) {
      throw new CniError('CNI_INVALID_NETNS', `${JSON.stringify(path)} is the host's own network namespace`, 'CNI_NETNS_OVERRIDE=1 permits it')
    }
    return { fd, inode: identity.inode, [Symbol.dispose]: () => closeSync(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
