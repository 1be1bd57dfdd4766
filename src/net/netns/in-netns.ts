// Entering a foreign network namespace for the moment of one synchronous call.
//
// setns(2) moves the calling thread only. A socket stays where it was created and /proc/sys/net answers for the
// calling thread, so one synchronous call is enough for both, and nothing asynchronous may run inside.

import { access, closeSync, openSync } from 'node:fs'
import { WeftError } from '../../ops/errors.ts'
import { CLONE_NEWNET, setns, unshare } from '../libc/libc.ts'
import type { NetnsReference } from './identity.ts'

/**
 * Runs `work` with the calling thread inside `netns` and answers its result.
 *
 * `work` must be synchronous through and through: no await, timer, callback, spawn or import inside.
 * When the way back fails the process aborts: a daemon in the wrong namespace would program a pod as if it were the host.
 */
export function inNetns<T>(netns: NetnsReference, work: () => T): T {
  const target = typeof netns === 'number' ? netns : openSync(netns, 'r')
  try {
    return awayFromHome(() => setns(target, CLONE_NEWNET), work)
  } finally {
    if (typeof netns === 'string') closeSync(target)
  }
}

/** Runs `work` inside a network namespace made for it; the namespace lives on only if `work` keeps it (a mount, a descriptor). */
export const inNewNetns = <T>(work: () => T): T => awayFromHome(() => unshare(CLONE_NEWNET), work)

function awayFromHome<T>(leave: () => void, work: () => T): T {
  ensureThreadPool()
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    leave()
    let result: T
    try {
      result = work()
    } finally {
      try {
        setns(home, CLONE_NEWNET)
      } catch (error) {
        process.stderr.write(`cannot leave a foreign network namespace: ${String(error)}\n`)
        process.abort()
      }
    }
    if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
      throw new WeftError('NETNS_WORK_ASYNC', 'work inside a network namespace must be synchronous; it answered a promise')
    }
    return result
  } finally {
    closeSync(home)
  }
}

let threadPoolAsked = false

/**
 * New threads inherit the namespace of the thread that makes them, and libuv makes its pool at the first asynchronous
 * file operation. Asking for one now puts every pool thread into our own namespace.
 */
function ensureThreadPool(): void {
  if (threadPoolAsked) return
  threadPoolAsked = true
  access('/', () => {})
}
