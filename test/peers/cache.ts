// Where built and unpacked peers lie, and how tests find them.

import { existsSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** The git-ignored cache; `WEFT_PEERS_DIR` lets several checkouts share one. */
export const PEERS_DIR = process.env['WEFT_PEERS_DIR'] ?? join(ROOT, '.peers')

export const BIN_DIR = join(PEERS_DIR, 'bin')

/** Path of a peer's program ("kube-proxy-1.36.3", "cni-1.9.1/bridge"), or undefined when the machine lacks it. */
export function findPeer(name: string): string | undefined {
  const path = join(BIN_DIR, name)
  return existsSync(path) ? path : undefined
}

/** The sentence a suite prints when it skips for want of a peer. */
export const missingPeer = (name: string): string => `skipped: ${name} is not in .peers; "npm run peers -- ${name}" brings it`
