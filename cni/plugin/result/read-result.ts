// Reads a result of any version, as it arrives in `prevResult`.

import { parseAddress, type Address } from '../../../src/net/ip/address.ts'
import { parseInterfaceAddress, type InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'
import { Fields } from '../request/fields.ts'
import { checkVersion, isAtLeast, type CniVersion } from '../version.ts'
import type { CniDns, CniInterface, CniIp, CniResult, CniRoute, Foreign } from './result.ts'

/** `assumed` is the version of a result that does not say: the configuration's. */
export function readResult(result: Fields, assumed: CniVersion): CniResult {
  const text = result.string('cniVersion')
  const version = text === undefined || text === '' ? assumed : checkVersion(text, 'ADD')
  return isAtLeast(version, '0.3.0') ? readCurrent(result) : readOld(result)
}

function readCurrent(result: Fields): CniResult {
  return {
    interfaces: result.objects('interfaces').map(readInterface),
    ips: result.objects('ips').map(readIp),
    routes: result.objects('routes').map(readRoute),
    dns: readDns(result.object('dns')),
    ...foreign(result, ['cniVersion', 'interfaces', 'ips', 'routes', 'dns']),
  }
}

/** 0.1.0 and 0.2.0: one address per family, its routes beside it, no interfaces. */
function readOld(result: Fields): CniResult {
  const families = ['ip4', 'ip6'].flatMap(key => result.object(key) ?? [])
  return {
    interfaces: [],
    ips: families.flatMap(family => {
      const gateway = optionalAddress(family, 'gateway')
      return [{ address: requiredPrefix(family, 'ip'), ...(gateway !== undefined && { gateway }) }]
    }),
    routes: families.flatMap(family => family.objects('routes').map(readRoute)),
    dns: readDns(result.object('dns')),
  }
}

function readInterface(fields: Fields): CniInterface {
  return {
    name: fields.string('name') ?? '',
    ...optional('mac', fields.string('mac')),
    ...optional('mtu', fields.integer('mtu')),
    ...optional('sandbox', fields.string('sandbox') || undefined),
    ...foreign(fields, ['name', 'mac', 'mtu', 'sandbox']),
  }
}

function readIp(fields: Fields): CniIp {
  return {
    address: requiredPrefix(fields, 'address'),
    ...optional('gateway', optionalAddress(fields, 'gateway')),
    ...optional('interface', fields.integer('interface')),
    ...foreign(fields, ['version', 'address', 'gateway', 'interface']),
  }
}

export function readRoute(fields: Fields): CniRoute {
  return {
    dst: requiredPrefix(fields, 'dst'),
    ...optional('gw', optionalAddress(fields, 'gw')),
    ...optional('mtu', fields.integer('mtu')),
    ...optional('advmss', fields.integer('advmss')),
    ...optional('priority', fields.integer('priority')),
    ...optional('table', fields.integer('table')),
    ...optional('scope', fields.integer('scope')),
    ...foreign(fields, ['dst', 'gw', 'mtu', 'advmss', 'priority', 'table', 'scope']),
  }
}

export function readDns(fields: Fields | undefined): CniDns {
  if (fields === undefined) return {}
  return {
    ...list('nameservers', fields),
    ...optional('domain', fields.string('domain') || undefined),
    ...list('search', fields),
    ...list('options', fields),
  }
}

const list = (key: string, fields: Fields): Record<string, readonly string[]> => {
  const values = fields.strings(key)
  return values.length === 0 ? {} : { [key]: values }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

function requiredPrefix(fields: Fields, key: string): InterfaceAddress {
  const text = fields.string(key)
  if (text === undefined) throw new CniError('CNI_DECODING_FAILURE', `${fields.name(key)} is missing`)
  return parseInterfaceAddress(text, fields.name(key))
}

function optionalAddress(fields: Fields, key: string): Address | undefined {
  const text = fields.string(key)
  return text === undefined || text === '' ? undefined : parseAddress(text, fields.name(key))
}

/** Keys that are not ours, with the spelling they came in. */
function foreign(fields: Fields, known: readonly string[]): { foreign?: Foreign } {
  const rest = fields.others(known)
  return Object.keys(rest).length === 0 ? {} : { foreign: rest }
}
