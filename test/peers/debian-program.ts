// Downloads a Debian package of any suite with apt and unpacks it beside the machine's own packages.
// apt keeps lists and cache in our folder, so the machine's configuration is neither read for suites nor changed.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BIN_DIR, PEERS_DIR } from './cache.ts'
import type { DebianProgram } from './manifest.ts'
import { run } from './run.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** A private apt: same archive as the machine's, all suites of the manifest. */
export type Apt = Readonly<{ options: readonly string[]; folder: string }>

/** Reads the archive's address from the machine's own configuration and fetches the indexes of `suites`. */
export async function openApt(suites: readonly string[]): Promise<Apt> {
  const targets = await run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'], { timeoutMs: 60_000 })
  const archive = targets.split('\n').map(line => line.split(' ')).find(([origin]) => origin === 'Debian')?.[1]
  if (archive === undefined) throw new Error('apt knows no Debian archive; run "apt-get update" first')
  const folder = join(PEERS_DIR, 'apt')
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(folder, 'archives', 'partial'), { recursive: true })
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, suites.map(suite => `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`).join(''))
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
    'Acquire::IndexTargets::deb::Translations::DefaultEnabled=false',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ].flatMap(option => ['-o', option])
  await run('apt-get', [...options, 'update'], { timeoutMs: 5 * 60_000 })
  return { options, folder }
}

/** Unpacks `peer`'s programs into the cache; answers the first one's path. Throws when the suite carries another version. */
export const unpackDebianProgram = (apt: Apt, peer: DebianProgram): Promise<string> => withUnpacked(apt, peer, async root => install(root, peer))

/** Downloads and unpacks a package, and answers what `work` makes of its root, which is removed afterwards. */
export async function withUnpacked<T>(apt: Apt, peer: Readonly<{ package: string; suite: string; version: string }>, work: (root: string, version: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(apt.folder, 'unpack-'))
  try {
    const listing = await run('apt-cache', [...apt.options, 'madison', peer.package], { timeoutMs: 60_000 })
    const versions = listing.split('\n').map(line => line.split('|').map(cell => cell.trim()))
    const version = versions.find(([, candidate, from]) => candidate?.startsWith(peer.version) && from?.includes(` ${peer.suite}/`))?.[1]
    if (version === undefined) {
      const offered = versions.flatMap(([, candidate]) => candidate ?? []).join(', ')
      throw new Error(`${peer.suite} has no ${peer.package} ${peer.version}*; the archive offers: ${offered || 'nothing'}`)
    }
    await run('apt-get', [...apt.options, 'download', `${peer.package}=${version}`], { cwd: folder, timeoutMs: 10 * 60_000 })
    const archive = readdirSync(folder).find(file => file.endsWith('.deb'))!
    await run('dpkg-deb', ['-x', archive, 'root'], { cwd: folder, timeoutMs: 5 * 60_000 })
    return await work(join(folder, 'root'), version)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One program lies under the peer's own name; several lie in a folder of that name. */
function install(root: string, peer: DebianProgram): string {
  const paths = peer.programs.map(program => {
    const target = peer.programs.length === 1 ? join(BIN_DIR, peer.name) : join(BIN_DIR, peer.name, basename(program))
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(join(root, program), target)
    chmodSync(target, 0o755)
    return target
  })
  return paths[0]!
}
