// The `ipam` part of a configuration, host-local's keys.

import { parseAddress, tryParseAddress, type Address } from '../../../src/net/ip/address.ts'
import { parseInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'
import { readRangeSets, type RangeSet } from '../ipam/ranges.ts'
import type { CniRequest } from '../request/parse-request.ts'
import { Fields } from '../request/fields.ts'
import { readRoute } from '../result/read-result.ts'
import type { CniRoute } from '../result/result.ts'

export type IpamConfig = Readonly<{
  /** Where reservations live: the agent's own store, or host-local's files, which another plugin may read and write. */
  storage: Readonly<{ kind: 'own' }> | Readonly<{ kind: 'host-local'; dataDir: string }>
  /** Empty: the host's lease supplies them. */
  sets: readonly RangeSet[]
  routes: readonly CniRoute[]
  /** File to parse into the result's `dns`; undefined: none. */
  resolvConf: string | undefined
  requested: readonly Address[]
}>

/** Names under which Weft answers for addresses itself, from its own store. */
const OWN_TYPES = ['', 'weft-cni']

export function readIpamConfig(request: CniRequest): IpamConfig {
  const ipam = request.config.object('ipam') ?? new Fields({}, 'ipam.')
  const type = ipam.string('type') ?? ''
  if (type !== 'host-local' && !OWN_TYPES.includes(type)) {
    throw new CniError('CNI_UNSUPPORTED_FIELD', `ipam.type: ${JSON.stringify(type)} is not supported; use "host-local" or leave it out`)
  }
  const sets = readRangeSets(ipam, { before: request.config.object('runtimeConfig')?.array('ipRanges') ?? [], cniVersion: request.cniVersion })
  if (type === 'host-local' && sets.length === 0) throw new CniError('CNI_INVALID_NETWORK_CONFIG', 'ipam: no IP ranges specified: set ipam.ranges or ipam.subnet')
  return {
    storage: type === 'host-local' ? { kind: 'host-local', dataDir: ipam.string('dataDir') || '/var/lib/cni/networks' } : { kind: 'own' },
    sets,
    routes: ipam.objects('routes').map(readRoute),
    resolvConf: ipam.string('resolvConf') || undefined,
    requested: requestedAddresses(request),
  }
}

/** Union of the three sources; a prefix length is allowed and ignored. */
function requestedAddresses(request: CniRequest): readonly Address[] {
  const texts = [
    ...(request.args.ip === undefined ? [] : request.args.ip.split(',').map(text => ({ text, field: 'CNI_ARGS: IP' }))),
    ...(request.config.object('args')?.object('cni')?.strings('ips') ?? []).map(text => ({ text, field: 'args.cni.ips' })),
    ...(request.config.object('runtimeConfig')?.strings('ips') ?? []).map(text => ({ text, field: 'runtimeConfig.ips' })),
  ]
  const seen = new Map<string, Address>()
  for (const { text, field } of texts) {
    const address = tryParseAddress(text) ?? (text.includes('/') ? parseInterfaceAddress(text, field).address : parseAddress(text, field))
    seen.set(`${address.family}/${address.bits}`, address)
  }
  return [...seen.values()]
}
