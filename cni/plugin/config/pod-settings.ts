// Kernel settings that a pod asks for: the tuning plugin's `sysctl`, static or in `args.cni`, for the pod's own namespace.

import { readFileSync } from 'node:fs'
import { CniError } from '../cni-error.ts'
import type { CniRequest } from '../request/parse-request.ts'
import { isObject, type Fields } from '../request/fields.ts'

/** Values by path below /proc/sys ("net/ipv4/conf/eth0/rp_filter"). */
export type PodSettings = Readonly<Record<string, string>>

/** What the tuning plugin reads: patterns, one per line, of which a setting must match one; without the file all may be set. */
const ALLOWLIST = '/etc/cni/tuning/allowlist.conf'

/** Those of `args.cni` come over those of the configuration. IFNAME in a name stands for the pod's interface. */
export function readPodSettings(request: CniRequest, options: Readonly<{ allowlist?: string }> = {}): PodSettings {
  const given = { ...wishes(request.config), ...wishes(request.config.object('args')?.object('cni')) }
  const allowed = Object.keys(given).length === 0 ? undefined : readAllowlist(options.allowlist ?? ALLOWLIST)
  return Object.fromEntries(Object.entries(given).map(([name, value]) => {
    if (allowed !== undefined && !allowed.some(pattern => pattern.test(name))) throw invalid(name, `is not among those that ${options.allowlist ?? ALLOWLIST} allows`)
    return [pathOf(name, request.ifname), value]
  }))
}

function wishes(fields: Fields | undefined): Readonly<Record<string, string>> {
  const value = fields?.raw('sysctl')
  if (value === undefined) return {}
  const isText = (each: unknown): each is string => typeof each === 'string'
  if (!isObject(value) || !Object.values(value).every(isText)) throw new CniError('CNI_DECODING_FAILURE', `${fields!.name('sysctl')}: is not an object of strings`)
  return value as Record<string, string>
}

/** Dots part names as slashes do, but not those of an interface ("eth0.5"). Nothing outside net/ belongs to a pod alone. */
function pathOf(name: string, ifname: string): string {
  const path = (name.includes('/') ? name : name.replaceAll('.', '/')).replace('IFNAME', ifname)
  if (!path.startsWith('net/') || path.split('/').some(part => part === '..' || part === '')) throw invalid(name, 'is no setting of a network namespace (net.…)')
  return path
}

function readAllowlist(path: string): readonly RegExp[] | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n').map(line => line.trim()).filter(line => line !== '').map(line => new RegExp(line))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', `the list of allowed settings ${path} cannot be read: ${String(cause)}`, undefined, { cause })
  }
}

const invalid = (name: string, problem: string): CniError => new CniError('CNI_INVALID_NETWORK_CONFIG', `sysctl: ${JSON.stringify(name)} ${problem}`)
