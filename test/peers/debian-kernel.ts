// Unpacks a Debian kernel with its modules, and writes the list of what needs what that the package leaves to its installation.

import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BIN_DIR, findPeer, missingPeer } from './cache.ts'
import { withUnpacked, type Apt } from './debian-program.ts'
import type { DebianKernel } from './manifest.ts'
import { run } from './run.ts'

const BUSYBOX = 'busybox-1.35'

/** The kernel lies under the peer's name as `vmlinuz` and `lib/modules/<release>`; answers that folder. */
export async function unpackDebianKernel(apt: Apt, peer: DebianKernel): Promise<string> {
  const busybox = findPeer(BUSYBOX)
  if (busybox === undefined) throw new Error(missingPeer(BUSYBOX))
  const target = join(BIN_DIR, peer.name)
  const image = await imageOf(apt, peer)
  return withUnpacked(apt, image, async root => {
    try {
      const [release] = readdirSync(join(root, 'lib', 'modules'))
      mkdirSync(target, { recursive: true })
      cpSync(join(root, 'boot', `vmlinuz-${release}`), join(target, 'vmlinuz'))
      cpSync(join(root, 'lib', 'modules'), join(target, 'lib', 'modules'), { recursive: true })
      await run(busybox, ['depmod', '-b', target, release!], { timeoutMs: 60_000 })
      return target
    } catch (error) {
      rmSync(target, { recursive: true, force: true })
      throw error
    }
  })
}

/** The metapackage depends on the package of its newest release. */
async function imageOf(apt: Apt, peer: DebianKernel): Promise<Readonly<{ package: string; suite: string; version: string }>> {
  const text = await run('apt-cache', [...apt.options, 'show', peer.package], { timeoutMs: 60_000 })
  const found = [...text.matchAll(/^Depends: (linux-image-[\w.+-]+)(?: \(= ([\w.+~:-]+)\))?/gm)].map(([, name, version]) => ({ package: name!, suite: peer.suite, version: version ?? peer.version }))
  const image = found.find(({ version }) => version.startsWith(peer.version))
  if (image === undefined) throw new Error(`${peer.suite} has no ${peer.package} ${peer.version}*`)
  return image
}
