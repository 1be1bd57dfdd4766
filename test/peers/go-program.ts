// Builds a pinned Go program. The go.sum beside the go.mod is the hash check; nothing is resolved anew.

import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BIN_DIR, ROOT } from './cache.ts'
import type { GoProgram } from './manifest.ts'
import { run } from './run.ts'

/**
 * Modules that the public checksum database does not list. Their hashes are in our go.sum all the same,
 * which `go` verifies; only the second opinion is missing.
 */
const UNLISTED = 'github.com/flannel-io/flannel,github.com/tencentcloud/*'

/** Builds `peer` into the cache; answers its path. */
export async function buildGoProgram(peer: GoProgram): Promise<string> {
  const target = join(BIN_DIR, peer.name)
  mkdirSync(dirname(target), { recursive: true })
  const stamps = Object.entries(peer.stamps ?? {}).map(([name, value]) => `-X ${name}=${value}`)
  await run('go', ['build', '-ldflags', ['-s', '-w', ...stamps].join(' '), '-o', target, peer.package], {
    cwd: join(ROOT, 'test', 'peers', 'go', peer.module),
    env: { ...process.env, CGO_ENABLED: peer.cgo === true ? '1' : '0', GOFLAGS: '-mod=readonly -trimpath -buildvcs=false', GONOSUMDB: UNLISTED },
    timeoutMs: 45 * 60_000,
  })
  return target
}

/** Answers the version of the machine's Go, or undefined where there is none. */
export async function findGo(): Promise<string | undefined> {
  try {
    return (await run('go', ['env', 'GOVERSION'], { timeoutMs: 30_000 })).trim()
  } catch {
    return undefined
  }
}
