// Finds out everything that the checks need. Whatever cannot be found out is left undefined; nothing is changed, and the
// only packets sent go to the API server and to the hosts that it names.

import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { hostname, release } from 'node:os'
import { delimiter, join } from 'node:path'
import { tryParseAddress } from '../../net/ip/address.ts'
import { parsePrefix } from '../../net/ip/prefix.ts'
import { openRtnl } from '../../net/rtnetlink/rtnl.ts'
import { readSysctl } from '../../net/sysctl/sysctl.ts'
import { CNI_CONFIG } from '../host-paths.ts'
import type { HostSettings } from '../settings.ts'
import type { DroppingChain, HostFacts, HostLink, HostRoute, Listener, ModuleState } from './facts.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

const MODULES = [
  'veth', 'bridge', 'br_netfilter', 'vxlan', 'wireguard', 'ipip', 'tun', 'nf_conntrack', 'nf_nat', 'nf_tables', 'nft_numgen', 'nft_nat', 'ip_tables', 'iptable_nat', 'xt_statistic', 'xt_comment', 'xt_MASQUERADE',
] as const
/** Of interest as such; strict reverse path filters of links are found by looking. */
const SETTINGS = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables', 'net/ipv4/conf/all/rp_filter'] as const
const FOREIGN = ['flanneld', 'kube-proxy', 'calico-node', 'cilium-agent', 'kube-router', 'weaver'] as const
const COMMAND_MS = 10_000

export type Expected = Readonly<{ settings: Pick<HostSettings, 'role' | 'podCidr' | 'serviceCidr' | 'backend' | 'proxyMode' | 'apiServer'>; nodeIp: string | undefined }>

/** Everything about this host itself. */
export async function gatherHost({ settings, nodeIp }: Expected, cancel: Cancel): Promise<Omit<HostFacts, 'installed' | 'units' | 'health' | 'api' | 'peers'>> {
  const { links, routes } = await readNetwork(cancel)
  const packetFilter = await commandOutput('iptables', ['--version'], cancel)
  const found = /v([\d.]+)(?: \((\w+)\))?/.exec(packetFilter ?? '')
  const iptables = found === null ? undefined : { version: found[1]!, variant: found[2] === 'nf_tables' ? 'nft' as const : 'legacy' as const }
  const synchronised = (await commandOutput('timedatectl', ['show', '--property=NTPSynchronized', '--value'], cancel))?.trim()
  const range = readSysctl('net/ipv4/ip_local_port_range')?.split(/\s+/).map(Number)
  return {
    kernelRelease: release(), isRoot: process.getuid?.() === 0, modules: readModules(), links, routes, iptables,
    settings: Object.fromEntries([...SETTINGS, ...links.map(({ name }) => `net/ipv4/conf/${name}/rp_filter`)].map(name => [name, readSysctl(name)])),
    programs: Object.fromEntries(programsFor(settings.proxyMode).map(name => [name, inPath(name)])),
    otherVariantTables: await otherVariant(iptables?.variant, cancel), droppingChains: await droppingChains(cancel),
    foreignPrograms: runningPrograms().filter(name => FOREIGN.includes(name as 'flanneld')), cniFiles: filesIn(CNI_CONFIG), listeners: readListeners(),
    clockSynchronised: synchronised === 'yes' ? true : synchronised === 'no' ? false : undefined,
    machineId: textOf('/etc/machine-id').trim(), hostName: hostname().toLowerCase(),
    ephemeralPorts: range?.length === 2 ? [range[0]!, range[1]!] : undefined,
    network: {
      role: settings.role, nodeIp: nodeIp === undefined ? undefined : tryParseAddress(nodeIp), pods: parsePrefix(settings.podCidr, '--pod-cidr'), services: parsePrefix(settings.serviceCidr, '--service-cidr'),
      backend: settings.backend, proxyMode: settings.proxyMode, apiPort: Number(new URL(settings.apiServer).port || 443),
    },
  }
}

const programsFor = (proxyMode: string): readonly string[] => [...(proxyMode === 'iptables' ? ['iptables-restore', 'ip6tables-restore'] : ['nft']), 'conntrack', 'ip', 'modprobe', 'nsenter']

async function readNetwork({ signal }: Cancel): Promise<Readonly<{ links: readonly HostLink[]; routes: readonly HostRoute[] }>> {
  await using rtnl = openRtnl()
  const [links, addresses, routes] = [await rtnl.links.list({ signal }), await rtnl.addresses.list({ signal }), await rtnl.routes.list({ signal })]
  const nameOf = new Map(links.map(({ index, name }) => [index, name]))
  return {
    links: links.map(({ index, name, mtu, up }) => ({ name, mtu, up, addresses: addresses.filter(({ linkIndex }) => linkIndex === index).map(({ address, prefixLength }) => ({ address, prefixLength })) })),
    // RT_TABLE_MAIN; the local table repeats the addresses.
    routes: routes.filter(({ table, type }) => table === 254 && type === 'unicast').map(({ destination, linkIndex }) => ({ destination, link: linkIndex === undefined ? undefined : nameOf.get(linkIndex) })),
  }
}

/** /proc/modules, modules.builtin, modules.dep and the kernel's own configuration, in that order. */
function readModules(): Readonly<Record<string, ModuleState>> {
  const folder = `/lib/modules/${release()}`
  const loaded = new Set(textOf('/proc/modules').split('\n').map(line => line.split(' ')[0]!))
  const names = (file: string): ReadonlySet<string> => new Set([...textOf(join(folder, file)).matchAll(/([^/\s:]+)\.ko(?:\.\w+)?(?=:|$)/gm)].map(match => match[1]!.replaceAll('-', '_')))
  const [builtIn, loadable] = [names('modules.builtin'), names('modules.dep')]
  const listed = builtIn.size + loadable.size > 0
  return Object.fromEntries(MODULES.map(name => [name, loaded.has(name) || existsSync(`/sys/module/${name}`) ? 'loaded' : builtIn.has(name) ? 'built in' : loadable.has(name) ? 'loadable' : listed ? 'missing' : 'unknown']))
}

/** Legacy tables that exist in the kernel, or tables that iptables-nft made, whichever is not what `iptables` works on. */
async function otherVariant(variant: 'nft' | 'legacy' | undefined, cancel: Cancel): Promise<readonly string[]> {
  if (variant === undefined) return []
  const saved = await commandOutput(variant === 'nft' ? 'iptables-legacy-save' : 'iptables-nft-save', [], cancel, variant === 'nft' && textOf('/proc/net/ip_tables_names') === '')
  return (saved ?? '').split(/^\*/m).slice(1).filter(table => /^-A /m.test(table)).map(table => table.split('\n')[0]!)
}

/** Base chains with policy drop, of whichever program. */
async function droppingChains(cancel: Cancel): Promise<readonly DroppingChain[] | undefined> {
  const text = await commandOutput('nft', ['-j', 'list', 'chains'], cancel)
  if (text === undefined) return undefined
  const { nftables } = JSON.parse(text) as { nftables: readonly { chain?: { family: string; table: string; name: string; hook?: string; policy?: string } }[] }
  return nftables.flatMap(({ chain }) => (chain?.policy === 'drop' && chain.hook !== undefined ? [{ family: chain.family, table: chain.table, chain: chain.name, hook: chain.hook }] : []))
}

/** Sockets that listen (TCP) or are bound and unconnected (UDP), from /proc/net, with the program where root may see it. */
function readListeners(): readonly Listener[] {
  const owners = socketOwners()
  return (['tcp', 'tcp6', 'udp', 'udp6'] as const).flatMap(file => textOf(`/proc/net/${file}`).split('\n').slice(1).flatMap(line => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    // Linux include/net/tcp_states.h: TCP_LISTEN is 10, TCP_CLOSE, which unconnected datagram sockets are in, 7.
    if (local === undefined || state !== (file.startsWith('tcp') ? '0A' : '07')) return []
    return [{ protocol: file.startsWith('tcp') ? 'tcp' as const : 'udp' as const, port: Number.parseInt(local.split(':')[1]!, 16), program: owners.get(inode ?? '') }]
  }))
}

function socketOwners(): ReadonlyMap<string, string> {
  const owners = new Map<string, string>()
  for (const pid of filesIn('/proc').filter(name => /^\d+$/.test(name))) {
    for (const fd of filesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined) owners.set(inode, textOf(`/proc/${pid}/comm`).trim())
    }
  }
  return owners
}

const runningPrograms = (): readonly string[] => [...new Set(filesIn('/proc').filter(name => /^\d+$/.test(name)).map(pid => textOf(`/proc/${pid}/comm`).trim()))]

const inPath = (program: string): boolean => `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(delimiter).some(folder => existsSync(join(folder, program)))

/** What vanishes or may not be read counts as empty: processes come and go, and not everybody is root. */
const tolerant = <T>(empty: T, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM', 'ESRCH', 'ENOTDIR', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return empty
    throw error
  }
}
const textOf = (path: string): string => tolerant('', () => readFileSync(path, 'utf8'))
const filesIn = (path: string): readonly string[] => tolerant([] as string[], () => readdirSync(path))
const linkOf = (path: string): string => tolerant('', () => readlinkSync(path))

/** Undefined when the program is missing or fails. */
export function commandOutput(program: string, args: readonly string[], { signal }: Cancel, skip = false): Promise<string | undefined> {
  if (skip) return Promise.resolve(undefined)
  return new Promise(resolve => {
    execFile(program, [...args], { signal, timeout: COMMAND_MS, maxBuffer: 64 << 20, env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' } }, (error, stdout) => resolve(error === null ? stdout : undefined))
  })
}
