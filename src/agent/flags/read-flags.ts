// From the texts of flags and environment to settings. A flag beats WEFT_AGENT_<NAME>, which beats FLANNELD_<NAME>.

import { dirname, join } from 'node:path'
import { parseAddress, type Address, type Family } from '../../net/ip/address.ts'
import { parsePrefix } from '../../net/ip/prefix.ts'
import { InputError } from '../../ops/errors.ts'
import { perFamily } from '../leases/per-family.ts'
import type { AgentOptions } from '../options.ts'
import { FLAGS, type Flag, type FlagName } from './flag-table.ts'

export type GivenFlags = Readonly<Partial<Record<string, string | readonly string[]>>>

export type StoreOptions =
  | Readonly<{ kind: 'kube'; kubeconfig: string; apiUrl: string; annotationPrefix: string; netConfigPath: string; setCondition: boolean }>
  | Readonly<{
      kind: 'etcd'
      endpoints: readonly string[]
      prefix: string
      tls: Readonly<{ key: string; cert: string; ca: string }>
      username: string
      password: string
      renewMarginSeconds: number
      ttlSeconds: number
      nodeId: string
      takeOver: boolean
      allowRenumber: boolean
      onLost: 'exit' | 'keep'
    }>

export type AgentSettings = Readonly<{ agent: AgentOptions; store: StoreOptions; cleanup: boolean; version: boolean; debug: boolean }>

const variable = (prefix: string, name: string): string => `${prefix}_${name.toUpperCase().replaceAll('-', '_')}`

/** Throws InputError naming the flag or variable that is wrong. */
export function readFlags(given: GivenFlags, env: Readonly<Record<string, string | undefined>>): AgentSettings {
  const reader = new FlagReader(given, env)
  return {
    agent: readAgent(reader, env),
    store: reader.boolean('kube-subnet-mgr') ? readKube(reader) : readEtcd(reader),
    cleanup: reader.boolean('cleanup'),
    version: reader.boolean('version'),
    debug: reader.integer('v', { min: 0, max: 100 }) >= 4,
  }
}

function readAgent(reader: FlagReader, env: Readonly<Record<string, string | undefined>>): AgentOptions {
  const healthPort = reader.integer('healthz-port', { min: 0, max: 65_535 })
  const confDir = reader.text('cni-conf-dir')
  return {
    underlay: {
      ifaces: reader.list('iface'),
      regexes: reader.list('iface-regex'),
      canReach: reader.address('iface-can-reach'),
      publicIps: perFamily(family => reader.address(family === 4 ? 'public-ip' : 'public-ipv6', family)),
    },
    rules: {
      masquerade: reader.boolean('ip-masq'),
      forward: reader.boolean('iptables-forward-rules'),
      randomFully: !reader.boolean('ip-masq-fully-random-disable'),
      noMasquerade: reader.list('no-masq-cidr').map(text => parsePrefix(text, '--no-masq-cidr')),
      resyncMs: reader.integer('iptables-resync', { min: 1, max: 86_400 }) * 1000,
      instance: reader.pattern('instance', /^[a-z0-9]{0,11}$/, 'is not up to 11 lower-case letters and digits'),
    },
    dataplane: {
      sysctls: !reader.boolean('no-sysctl'),
      allowOverlap: reader.boolean('allow-overlap'),
      mtuCompat: reader.boolean('mtu-compat'),
      blackholeRoute: reader.boolean('ip-blackhole-route'),
      wireguardKey: wireguardKeyFile(reader, env),
    },
    meshProbeMs: reader.integer('mesh-probe-interval', { min: 0, max: 86_400 }) * 1000,
    subnetFile: reader.text('subnet-file'),
    releaseOnExit: reader.boolean('release-lease-on-exit'),
    cni: confDir === '' ? undefined : { confDir, binDir: reader.text('cni-bin-dir'), stateDir: reader.text('cni-state-dir'), queueDir: reader.text('cni-queue-dir'), socketPath: reader.text('cni-socket') || undefined },
    health: healthPort === 0 ? undefined : { host: reader.text('healthz-ip'), port: healthPort },
  }
}

/** flannel's variable, and with the default subnet file flannel's place (/run/flannel/wgkey). */
function wireguardKeyFile(reader: FlagReader, env: Readonly<Record<string, string | undefined>>): AgentOptions['dataplane']['wireguardKey'] {
  const named = reader.text('wireguard-key-file') || env['WIREGUARD_KEY_FILE'] || ''
  return named === '' ? { path: join(dirname(reader.text('subnet-file')), 'wgkey'), own: true } : { path: named, own: false }
}

const readKube = (reader: FlagReader): StoreOptions => ({
  kind: 'kube',
  kubeconfig: reader.text('kubeconfig-file'),
  apiUrl: reader.text('kube-api-url'),
  annotationPrefix: reader.text('kube-annotation-prefix'),
  netConfigPath: reader.text('net-config-path'),
  setCondition: reader.boolean('set-node-network-unavailable'),
})

function readEtcd(reader: FlagReader): StoreOptions {
  const onLost = reader.pattern('on-lease-lost', /^(?:exit|keep)$/, 'is neither exit nor keep')
  return {
    kind: 'etcd',
    endpoints: reader.text('etcd-endpoints').split(',').map(endpoint => endpoint.trim()).filter(endpoint => endpoint !== ''),
    prefix: reader.text('etcd-prefix'),
    tls: { key: reader.text('etcd-keyfile'), cert: reader.text('etcd-certfile'), ca: reader.text('etcd-cafile') },
    username: reader.text('etcd-username'),
    password: reader.text('etcd-password'),
    // flannel's limits: a margin of a day or more would renew without end.
    renewMarginSeconds: reader.integer('subnet-lease-renew-margin', { min: 1, max: 1_439 }) * 60,
    ttlSeconds: reader.integer('subnet-lease-ttl', { min: 5, max: 31_536_000 }),
    nodeId: reader.text('node-id'),
    takeOver: reader.boolean('take-over-lease'),
    allowRenumber: reader.boolean('allow-renumber'),
    onLost: onLost === 'keep' ? 'keep' : 'exit',
  }
}

class FlagReader {
  readonly #given: GivenFlags
  readonly #env: Readonly<Record<string, string | undefined>>

  constructor(given: GivenFlags, env: Readonly<Record<string, string | undefined>>) {
    this.#given = given
    this.#env = env
  }

  /** The value with the name under which it was given, for messages. */
  #raw(name: FlagName): Readonly<{ source: string; value: string | readonly string[] }> {
    const given = this.#given[name]
    if (given !== undefined) return { source: `--${name}`, value: given }
    for (const prefix of ['WEFT_AGENT', 'FLANNELD']) {
      const value = this.#env[variable(prefix, name)]
      if (value !== undefined && value !== '') return { source: variable(prefix, name), value }
    }
    return { source: `--${name}`, value: (FLAGS as readonly Flag[]).find(flag => flag.name === name)!.fallback }
  }

  text(name: FlagName): string {
    const { value } = this.#raw(name)
    return typeof value === 'string' ? value : (value.at(-1) ?? '')
  }

  /** Repeated on the command line, separated by commas in the environment. */
  list(name: FlagName): readonly string[] {
    const { value } = this.#raw(name)
    return (typeof value === 'string' ? value.split(',') : value).map(entry => entry.trim()).filter(entry => entry !== '')
  }

  boolean(name: FlagName): boolean {
    const { source } = this.#raw(name)
    const value = this.text(name)
    // The spellings of Go's strconv.ParseBool.
    if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true
    if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false
    throw new InputError(source, value, 'is neither true nor false')
  }

  integer(name: FlagName, { min, max }: Readonly<{ min: number; max: number }>): number {
    const { source } = this.#raw(name)
    const value = this.text(name)
    if (!/^\d{1,9}$/.test(value) || Number(value) < min || Number(value) > max) throw new InputError(source, value, `is not a whole number between ${min} and ${max}`)
    return Number(value)
  }

  pattern(name: FlagName, pattern: RegExp, problem: string): string {
    const { source } = this.#raw(name)
    const value = this.text(name)
    if (!pattern.test(value)) throw new InputError(source, value, problem)
    return value
  }

  address(name: FlagName, family?: Family): Address | undefined {
    const { source } = this.#raw(name)
    const value = this.text(name)
    if (value === '') return undefined
    const address = parseAddress(value, source)
    if (family !== undefined && address.family !== family) throw new InputError(source, value, `is not an IPv${family} address`)
    return address
  }
}
