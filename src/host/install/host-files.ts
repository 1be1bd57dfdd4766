// The one place that writes and removes what an installation consists of, below any root folder.

import { chmod, lstat, mkdir, readFile, readlink, rename, rm, rmdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../ops/errors.ts'
import { removeFile, replaceFile } from '../../ops/replace-file.ts'
import { JOURNAL } from '../host-paths.ts'
import { BESIDE, planObsolete, planPlacement, type Observed } from './plan-placement.ts'
import { EMPTY_JOURNAL, type Former, type Journal, type Placed, type Placement } from './placement.ts'

/** Paths that were made or changed, and those left alone because the administrator had changed them. */
export type Changes = Readonly<{ made: readonly string[]; kept: readonly string[] }>

export class HostFiles {
  /** "/" on a real host. */
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  /** Where a path of the host lies. */
  at(path: string): string {
    return join(this.root, path)
  }

  async readJournal(): Promise<Journal | undefined> {
    const text = await this.read(JOURNAL)
    if (text === undefined) return undefined
    try {
      const journal = JSON.parse(text) as Journal
      if (journal.version === 1) return journal
    } catch {
      // Said below: a journal of another release, or none at all, is of no use.
    }
    throw new InputError('journal', JOURNAL, 'cannot be read: restore it from a backup, or remove what Weft placed by hand (docs/install.md lists it)')
  }

  async writeJournal(journal: Journal): Promise<void> {
    await replaceFile(this.at(JOURNAL), `${JSON.stringify(journal, undefined, 1)}\n`)
  }

  /**
   * Makes the host hold exactly `wanted`. The journal is written before anything is changed, so that whatever an
   * interrupted installation placed is known to the next one and to the removal.
   */
  async place(wanted: readonly Placement[], options: Readonly<{ release: string }>): Promise<Changes> {
    const journal = await this.readJournal() ?? EMPTY_JOURNAL
    const earlier = new Map(journal.placed.map(placed => [placed.path, placed]))
    const plans = await Promise.all(wanted.map(async each => ({ wanted: each, ...planPlacement(each, await this.observe(each.path), earlier.get(each.path)) })))
    const obsolete = planObsolete(journal, wanted)
    const placed = plans.flatMap(plan => plan.placed ?? [])
    await this.writeJournal({ ...journal, release: options.release, placed: [...obsolete, ...placed] })
    for (const { action, wanted: each } of plans) {
      if (action === 'make') await this.#make(each, each.path)
      if (action === 'make beside') await this.#make(each, `${each.path}${BESIDE}`)
    }
    for (const each of obsolete) await this.take(each)
    await this.writeJournal({ ...journal, release: options.release, placed })
    return {
      made: plans.filter(({ action }) => action === 'make').map(plan => plan.wanted.path),
      kept: plans.filter(({ action }) => action === 'make beside').map(plan => plan.wanted.path),
    }
  }

  /** Takes one thing away; what was there before comes back. A folder stays while something is in it. */
  async take({ kind, path, former }: Placed): Promise<void> {
    if (kind === 'folder') return this.removeEmpty(path)
    await rm(`${this.at(path)}${BESIDE}`, { force: true })
    if (former === undefined) return removeFile(this.at(path))
    await this.#put(path, former)
  }

  async removeEmpty(path: string): Promise<void> {
    try {
      await rmdir(this.at(path))
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }

  async read(path: string): Promise<string | undefined> {
    try {
      return await readFile(this.at(path), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** When it was last changed, in milliseconds since the epoch. */
  async timeOf(path: string): Promise<number> {
    return (await lstat(this.at(path))).mtimeMs
  }

  async observe(path: string): Promise<Observed> {
    const at = this.at(path)
    try {
      const stats = await lstat(at)
      if (stats.isDirectory()) return { kind: 'folder' }
      if (stats.isSymbolicLink()) return { kind: 'link', target: await readlink(at) }
      return { kind: 'file', mode: stats.mode & 0o7777, base64: (await readFile(at)).toString('base64') }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #make(wanted: Placement, path: string): Promise<void> {
    if (wanted.kind === 'folder') {
      await mkdir(this.at(path), { recursive: true, mode: wanted.mode })
      return chmod(this.at(path), wanted.mode)
    }
    await this.#put(path, wanted.kind === 'link' ? wanted : { kind: 'file', mode: wanted.mode, base64: Buffer.from(wanted.content).toString('base64') })
  }

  /** By rename, so that a reader, and a host that loses its power, sees the old or the new. */
  async #put(path: string, content: Former): Promise<void> {
    const at = this.at(path)
    await mkdir(dirname(at), { recursive: true, mode: 0o755 })
    if (content.kind === 'file') {
      await replaceFile(at, Buffer.from(content.base64, 'base64'), { mode: content.mode, folderMode: 0o755 })
      return chmod(at, content.mode)
    }
    const temporary = `${at}${BESIDE}`
    await rm(temporary, { force: true })
    await symlink(content.target, temporary)
    await rename(temporary, at)
  }
}
