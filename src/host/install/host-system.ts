// What an installation asks of the running system: its service manager, its kernel, and the address of its hosts.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { readSysctl, writeSysctls } from '../../net/sysctl/sysctl.ts'
import { WeftError } from '../../ops/errors.ts'
import { CURRENT } from '../host-paths.ts'
import { KERNEL_SETTINGS, MODULES } from './plan-host.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

/** Everything besides files. Under `--root` there is no system to speak to, and nothing of this is done. */
export interface HostSystem {
  /** Of the modules that the parts need, those that this kernel has as files. */
  loadableModules(): Promise<readonly string[]>
  /** Loads modules and sets kernel settings now; answers the settings as they were. */
  prepareKernel(modules: readonly string[]): Promise<Readonly<Record<string, string>>>
  restoreKernel(settings: Readonly<Record<string, string>>): Promise<void>
  /** Makes the service manager read its units. */
  reload(options: Cancel): Promise<void>
  /** Enables units and starts them, or starts those anew that run. */
  start(units: readonly string[], options: Cancel): Promise<void>
  /** Starts those of the units anew that run. */
  startAnew(units: readonly string[], options: Cancel): Promise<void>
  /** Stops units and disables them; ones that do not exist are passed over. */
  stop(units: readonly string[], options: Cancel): Promise<void>
  /** Runs a command of the installed release, such as `proxy --cleanup`; false when it failed. */
  weft(args: readonly string[], options: Cancel): Promise<Readonly<{ ok: boolean; said: string }>>
}

export const realSystem: HostSystem = {
  async loadableModules() {
    const listed = await readFile(`/lib/modules/${release()}/modules.dep`, 'utf8').catch(() => '')
    return MODULES.filter(name => new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko(?:\\.\\w+)?:`, 'm').test(listed))
  },
  async prepareKernel(modules) {
    if (modules.length > 0) await run('modprobe', ['-a', ...modules], AbortSignal.timeout(60_000))
    const before = Object.fromEntries(Object.keys(KERNEL_SETTINGS).flatMap(name => {
      const value = readSysctl(name)
      return value === undefined ? [] : [[name, value]]
    }))
    writeSysctls(Object.fromEntries(Object.keys(before).map(name => [name, KERNEL_SETTINGS[name]!])))
    return before
  },
  async restoreKernel(settings) {
    writeSysctls(Object.fromEntries(Object.entries(settings).filter(([name]) => readSysctl(name) !== undefined)))
  },
  reload: ({ signal }) => run('systemctl', ['daemon-reload'], signal),
  async start(units, { signal }) {
    await run('systemctl', ['enable', '--quiet', ...units.map(service)], signal)
    for (const unit of units) await run('systemctl', ['restart', service(unit)], signal)
  },
  async startAnew(units, { signal }) {
    for (const unit of units) if (await exists(unit, signal)) await run('systemctl', ['try-restart', service(unit)], signal)
  },
  async stop(units, { signal }) {
    for (const unit of units) {
      if (await exists(unit, signal)) await run('systemctl', ['disable', '--quiet', '--now', service(unit)], signal)
    }
  },
  weft: (args, { signal }) => new Promise(resolve => {
    execFile(`${CURRENT}/weft`, [...args], { signal, maxBuffer: 16 << 20 }, (error, _stdout, stderr) => resolve({ ok: error === null, said: stderr.trim().split('\n').at(-1) ?? '' }))
  }),
}

/** For `--root`: files only. */
export const noSystem: HostSystem = {
  loadableModules: async () => [], prepareKernel: async () => ({}), restoreKernel: async () => {}, reload: async () => {}, start: async () => {}, startAnew: async () => {}, stop: async () => {},
  weft: async () => ({ ok: true, said: '' }),
}

/** A unit without a kind is a service (systemd.unit(5)). */
const service = (unit: string): string => (unit.includes('.') ? unit : `${unit}.service`)

const exists = (unit: string, signal: AbortSignal): Promise<boolean> => run('systemctl', ['cat', service(unit)], signal).then(() => true, () => false)

function run(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { signal }, (error, stdout, stderr) => {
      if (error === null) return resolve()
      if (signal.aborted) return reject(signal.reason as Error)
      const said = (stderr || stdout).trim()
      reject(new WeftError('HOST_COMMAND_FAILED', `${program} ${args.join(' ')} failed: ${said === '' ? error.message : said}`, { program, args: [...args] }, { cause: error }))
    })
  })
}
