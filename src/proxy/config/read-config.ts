// KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) as YAML or JSON, field by field.
//
// Like kube-proxy: unknown fields are reported and ignored, so that one file serves both proxies and several versions;
// a known field with a wrong value is an error.

import { parseDocument } from 'yaml'
import { InputError } from '../../ops/errors.ts'
import { parseAddress, tryParseAddress } from '../../net/ip/address.ts'
import { parseLenientPrefix } from '../tracker/lenient-ip.ts'
import { parseDuration } from './duration.ts'
import { checkConfig, DETECT_LOCAL_MODES, MODES, type HostPort, type ModeConfig, type NodePortSelection, type ProxyConfig } from './proxy-config.ts'

export const CONFIG_API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1'
export const CONFIG_KIND = 'KubeProxyConfiguration'

/** A file as a tree, with what was odd about it. */
export type ConfigFile = Readonly<{ tree: Readonly<Record<string, unknown>>; warnings: readonly string[] }>

export const HEALTHZ_PORT = 10_256
export const METRICS_PORT = 10_249

/** Parses the text of a file. Throws InputError when it is no KubeProxyConfiguration. */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const document = parseDocument(text, { uniqueKeys: false })
  if (document.errors[0] !== undefined) throw new InputError('--config', path, document.errors[0].message)
  const tree: unknown = document.toJS()
  if (!isTree(tree)) throw new InputError('--config', path, 'is not a mapping')
  if (tree['apiVersion'] !== CONFIG_API_VERSION || tree['kind'] !== CONFIG_KIND) {
    throw new InputError('--config', `${String(tree['apiVersion'])} ${String(tree['kind'])}`, `must be apiVersion ${CONFIG_API_VERSION}, kind ${CONFIG_KIND} (${path})`)
  }
  return { tree, warnings: unknownFields(tree, KNOWN, '') }
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Known fields; `null` for leaves and for blocks that Weft does not look into. */
type Known = { readonly [field: string]: Known | null }
const MODE = { masqueradeBit: null, masqueradeAll: null, syncPeriod: null, minSyncPeriod: null }
const KNOWN: Known = {
  apiVersion: null, kind: null, mode: null, bindAddress: null, bindAddressHardFail: null, healthzBindAddress: null, metricsBindAddress: null,
  enableProfiling: null, showHiddenMetricsForVersion: null, hostnameOverride: null, clusterCIDR: null, detectLocalMode: null,
  detectLocal: { bridgeInterface: null, interfaceNamePrefix: null }, nodePortAddresses: null,
  clientConnection: { kubeconfig: null, acceptContentTypes: null, contentType: null, qps: null, burst: null },
  iptables: { ...MODE, localhostNodePorts: null }, nftables: MODE, ipvs: null, winkernel: null, portRange: null, windowsRunAsService: null,
  conntrack: { maxPerCore: null, min: null, tcpEstablishedTimeout: null, tcpCloseWaitTimeout: null, tcpBeLiberal: null, udpTimeout: null, udpStreamTimeout: null },
  oomScoreAdj: null, configSyncPeriod: null, featureGates: null, logging: null,
}

const unknownFields = (tree: Readonly<Record<string, unknown>>, known: Known, path: string): readonly string[] =>
  Object.entries(tree).flatMap(([field, value]) => {
    const below = Object.hasOwn(known, field) ? known[field] : undefined
    if (below === undefined) return [`unknown field ${path}${field}`]
    return below !== null && isTree(value) ? unknownFields(value, below, `${path}${field}.`) : []
  })

/** Reads the tree that a file or flags make. Throws InputError naming the field. */
export function readConfig(tree: Readonly<Record<string, unknown>>): ProxyConfig {
  const top = new Block(tree, '')
  const bindAddress = parseAddress(top.text('bindAddress', '0.0.0.0'), 'bindAddress')
  const any = bindAddress.family === 6 ? '[::]' : '0.0.0.0'
  const loopback = bindAddress.family === 6 ? '[::1]' : '127.0.0.1'
  const detect = top.block('detectLocal')
  const conntrack = top.block('conntrack')
  const client = top.block('clientConnection')
  const iptables = top.block('iptables')
  return checkConfig({
    mode: top.oneOf('mode', MODES, 'iptables'),
    bindAddress,
    bindAddressHardFail: top.boolean('bindAddressHardFail', false),
    healthz: hostPort(top.text('healthzBindAddress', '') || `${any}:${HEALTHZ_PORT}`, 'healthzBindAddress', HEALTHZ_PORT),
    metrics: hostPort(top.text('metricsBindAddress', '') || `${loopback}:${METRICS_PORT}`, 'metricsBindAddress', METRICS_PORT),
    profiling: top.boolean('enableProfiling', false),
    hostnameOverride: top.text('hostnameOverride', ''),
    kubeconfig: client.text('kubeconfig', ''),
    master: top.text('master', ''),
    clusterCidrs: clusterCidrs(top.text('clusterCIDR', '')),
    detectLocalMode: top.oneOf('detectLocalMode', DETECT_LOCAL_MODES, 'ClusterCIDR'),
    bridgeInterface: detect.text('bridgeInterface', ''),
    interfaceNamePrefix: detect.text('interfaceNamePrefix', ''),
    nodePortAddresses: nodePorts(top.texts('nodePortAddresses')),
    iptables: { ...modeConfig(iptables), localhostNodePorts: iptables.boolean('localhostNodePorts', true) },
    nftables: modeConfig(top.block('nftables')),
    conntrack: {
      maxPerCore: conntrack.number('maxPerCore', 32_768),
      min: conntrack.number('min', 131_072),
      tcpEstablishedTimeoutMs: conntrack.duration('tcpEstablishedTimeout', 24 * 3_600_000),
      tcpCloseWaitTimeoutMs: conntrack.duration('tcpCloseWaitTimeout', 3_600_000),
      tcpBeLiberal: conntrack.boolean('tcpBeLiberal', false),
      udpTimeoutMs: conntrack.duration('udpTimeout', 0),
      udpStreamTimeoutMs: conntrack.duration('udpStreamTimeout', 0),
    },
    oomScoreAdj: top.number('oomScoreAdj', -999),
    allowExternalIps: top.block('featureGates').boolean('AllowServiceExternalIPs', true),
    verbosity: top.block('logging').number('verbosity', 0),
  })
}

const modeConfig = (block: Block): ModeConfig => ({
  masqueradeBit: block.number('masqueradeBit', 14),
  masqueradeAll: block.boolean('masqueradeAll', false),
  syncPeriodMs: block.duration('syncPeriod', 30_000),
  minSyncPeriodMs: block.duration('minSyncPeriod', 1_000),
})

/** "host:port", "[v6]:port", or a bare address that takes the default port. Port 0 switches the server off. */
export function hostPort(text: string, field: string, defaultPort: number): HostPort | undefined {
  if (tryParseAddress(text) !== undefined) return { host: text, port: defaultPort }
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  if (match === null || port > 65_535 || (host !== '' && tryParseAddress(host) === undefined)) throw new InputError(field, text, 'is not an address with a port, such as 0.0.0.0:10256')
  return port === 0 ? undefined : { host: host === '' ? '0.0.0.0' : host, port }
}

function clusterCidrs(text: string): ProxyConfig['clusterCidrs'] {
  const found: ProxyConfig['clusterCidrs'] = {}
  const parts = text.split(',').map(part => part.trim()).filter(part => part !== '')
  if (parts.length > 2) throw new InputError('clusterCIDR', text, 'holds more than one IPv4 and one IPv6 prefix')
  return parts.reduce((cidrs, part) => {
    const prefix = parseLenientPrefix(part)
    if (prefix === undefined) throw new InputError('clusterCIDR', text, 'is not a prefix such as 10.244.0.0/16, nor two joined by a comma')
    if (cidrs[prefix.family] !== undefined) throw new InputError('clusterCIDR', text, `holds two IPv${prefix.family} prefixes`)
    return { ...cidrs, [prefix.family]: prefix }
  }, found)
}

function nodePorts(texts: readonly string[]): NodePortSelection {
  if (texts.length === 0) return 'all'
  if (texts.includes('primary')) {
    if (texts.length > 1) throw new InputError('nodePortAddresses', texts, 'cannot hold both "primary" and prefixes')
    return 'primary'
  }
  return texts.map((text, index) => {
    const prefix = parseLenientPrefix(text)
    if (prefix === undefined) throw new InputError(`nodePortAddresses[${index}]`, text, 'is neither "primary" nor a prefix such as 192.168.0.0/24')
    return prefix
  })
}

/** A mapping with typed access: a field that is absent or null has its default. */
class Block {
  readonly #tree: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(tree: Readonly<Record<string, unknown>>, path: string) {
    this.#tree = tree
    this.#path = path
  }

  block(field: string): Block {
    const value = this.#tree[field] ?? {}
    if (!isTree(value)) throw new InputError(this.#path + field, value, 'must be a mapping')
    return new Block(value, `${this.#path}${field}.`)
  }

  #typed<T>(field: string, fallback: T, check: (value: unknown) => value is T, problem: string): T {
    const value = this.#tree[field] ?? fallback
    if (!check(value)) throw new InputError(this.#path + field, value, problem)
    return value
  }

  text(field: string, fallback: string): string {
    return this.#typed(field, fallback, value => typeof value === 'string', 'must be text')
  }

  texts(field: string): readonly string[] {
    return this.#typed<readonly string[]>(field, [], (value): value is readonly string[] => Array.isArray(value) && value.every(item => typeof item === 'string'), 'must be a list of texts')
  }

  boolean(field: string, fallback: boolean): boolean {
    return this.#typed(field, fallback, value => typeof value === 'boolean', 'must be true or false')
  }

  number(field: string, fallback: number): number {
    return this.#typed(field, fallback, value => typeof value === 'number', 'must be a number')
  }

  oneOf<T extends string>(field: string, values: readonly T[], fallback: T): T {
    const value = this.text(field, fallback) || fallback
    const known = values.find(candidate => candidate === value)
    if (known === undefined) throw new InputError(this.#path + field, value, `must be one of ${values.join(', ')}`)
    return known
  }

  duration(field: string, fallbackMs: number): number {
    const value = this.#tree[field]
    return value === undefined || value === null ? fallbackMs : parseDuration(value, this.#path + field)
  }
}
