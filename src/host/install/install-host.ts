// An installation, step by step: release, files, kernel, units. Doing it again is an upgrade, and changes settings.

import type { HostSettings } from '../settings.ts'
import { checkSettings } from '../settings.ts'
import { removeOldReleases, placeRelease } from './release.ts'
import type { HostFiles } from './host-files.ts'
import type { HostSystem } from './host-system.ts'
import type { Journal } from './placement.ts'
import { planHost } from './plan-host.ts'
import { RENEWAL_TIMER, unitsOf } from './plan-units.ts'
import { JOURNAL, NODE_KUBECONFIG, STATE } from '../host-paths.ts'
import { replaceFile } from '../../ops/replace-file.ts'
import { InputError } from '../../ops/errors.ts'

export type InstallOptions = Readonly<{
  settings: HostSettings
  /** The checkout or npm package to install from. */
  source: string
  files: HostFiles
  system: HostSystem
  /** Makes what is secret; runs after the files are in place and before anything starts. */
  prepare: () => Promise<void>
  /** Told each thing done, in a few words. */
  tell: (line: string) => void
  signal: AbortSignal
}>

/** The settings of the last installation. */
const SETTINGS = `${STATE}/settings.json`

export async function readSettings(files: HostFiles): Promise<HostSettings | undefined> {
  const text = await files.read(SETTINGS)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as HostSettings
  } catch (cause) {
    throw new InputError('settings', SETTINGS, 'is not JSON: remove it and install again with all flags', { cause })
  }
}

export async function installHost(options: InstallOptions): Promise<void> {
  const { files, system, source, tell, signal } = options
  const settings = checkSettings(options.settings)
  const before = await readSettings(files)
  const release = await placeRelease(files, source)
  tell(`release ${release}`)
  const modules = await system.loadableModules()
  const wanted = planHost(settings, release, { loadableModules: modules })
  // What the last installation ran and this one does not.
  const obsolete = before === undefined ? [] : unitsOf(before).filter(unit => !unitsOf(settings).includes(unit))
  await system.stop(obsolete.toReversed(), { signal })
  const { made, kept } = await files.place(wanted, { release })
  for (const path of made) tell(path)
  for (const path of kept) tell(`${path} was changed on this host and stays; the new content lies in ${path}.new`)
  await replaceFile(files.at(SETTINGS), `${JSON.stringify(settings, undefined, 2)}\n`)
  await rememberKernel(files, await system.prepareKernel(modules))
  await options.prepare()
  await system.reload({ signal })
  const units = unitsOf(settings)
  await system.start([...units, RENEWAL_TIMER], { signal })
  tell(await files.read(NODE_KUBECONFIG) === undefined ? `${units.join(', ')} enabled; they run once the host has joined` : `${units.join(', ')} run`)
  await removeOldReleases(files, release)
}

/** The settings of before the first installation are those that come back. */
async function rememberKernel(files: HostFiles, before: Readonly<Record<string, string>>): Promise<void> {
  const journal = await files.readJournal() as Journal
  await files.writeJournal({ ...journal, settingsBefore: { ...before, ...journal.settingsBefore } })
}

export const OWN_FILES = [SETTINGS, JOURNAL] as const
