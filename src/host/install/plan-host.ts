// Everything that an installation places on a host, apart from the release itself and what is secret.

import { CNI_CONFIG, CNI_PROGRAMS, COMMAND, CONFIG, CURRENT, KUBECONFIGS, LIBRARY, NET_CONFIG, PKI, STATE, UNITS } from '../host-paths.ts'
import { formatNetConfig, type HostSettings } from '../settings.ts'
import { formatFlagFile, type FlagLine } from './flag-file.ts'
import { agentFlags, apiServerFlags, controllerManagerFlags, nodeFlags, proxyConfig } from './plan-flags.ts'
import { flagFileOf, formatRenewal, formatUnit, unitsOf, type UnitName } from './plan-units.ts'
import type { Placement } from './placement.ts'

/** Kernel modules that the parts need; those that the kernel has built in or lacks are not loaded. */
export const MODULES = ['br_netfilter', 'nf_conntrack', 'vxlan', 'ipip', 'tun', 'overlay'] as const

/** As the parts themselves set them; here so that they hold from boot on. A leading dash: absent is no error (sysctl.d(5)). */
export const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/bridge/bridge-nf-call-ip6tables': '1',
}

export type HostFacts = Readonly<{
  /** Of `MODULES`, those that this kernel has as files. */
  loadableModules: readonly string[]
}>

export function planHost(settings: HostSettings, release: string, facts: HostFacts): readonly Placement[] {
  const documentation = `${CURRENT}/docs`
  return [
    folder(LIBRARY, 0o755), folder(CONFIG, 0o755), folder(KUBECONFIGS, 0o700), folder(STATE, 0o700),
    ...(settings.role === 'control-plane' ? [folder(PKI, 0o700)] : []),
    // There before the agent, which may write nowhere else below /etc and /opt.
    ...['/etc/cni', CNI_CONFIG, '/opt/cni', CNI_PROGRAMS].map(sharedFolder),
    { kind: 'link', path: CURRENT, target: release },
    { kind: 'link', path: COMMAND, target: `${CURRENT}/weft` },
    file('/etc/sysctl.d/90-weft.conf', sysctls()),
    ...(facts.loadableModules.length === 0 ? [] : [file('/etc/modules-load.d/weft.conf', `# For Weft: loaded at boot (modules-load.d(5)).\n${facts.loadableModules.join('\n')}\n`)]),
    conf(NET_CONFIG, formatNetConfig(settings)),
    conf(`${CONFIG}/proxy.yaml`, proxyConfig(settings)),
    ...Object.entries(formatRenewal(documentation)).map(([name, content]) => file(`${UNITS}/${name}`, content)),
    ...unitsOf(settings).flatMap(name => [file(`${UNITS}/${name}.service`, formatUnit(name, documentation)), ...flagFile(name, settings)]),
  ]
}

const folder = (path: string, mode: number): Placement => ({ kind: 'folder', path, mode, shared: false })
const sharedFolder = (path: string): Placement => ({ kind: 'folder', path, mode: 0o755, shared: true })
const file = (path: string, content: string): Placement => ({ kind: 'file', path, mode: 0o644, content, edited: 'replace' })
const conf = (path: string, content: string): Placement => ({ kind: 'file', path, mode: 0o644, content, edited: 'keep' })

const sysctls = (): string =>
  `# For Weft: pods are routed, and bridged packets pass the packet filter (sysctl.d(5)).\n${Object.entries(KERNEL_SETTINGS).map(([name, value]) => `-${name} = ${value}`).join('\n')}\n`

const FLAGS: Readonly<Partial<Record<UnitName, Readonly<{ about: string; flags: (settings: HostSettings) => readonly FlagLine[] }>>>> = {
  'weft-apiserver': { about: 'the cluster\'s objects', flags: apiServerFlags },
  'weft-controller-manager': { about: 'EndpointSlices, pod CIDRs, nodes, certificates', flags: controllerManagerFlags },
  'weft-agent': { about: 'this host\'s part of the pod network', flags: agentFlags },
  'weft-node': { about: 'the pods bound to this host', flags: nodeFlags },
}

function flagFile(name: UnitName, settings: HostSettings): readonly Placement[] {
  const [path, entry] = [flagFileOf(name), FLAGS[name]]
  if (path === undefined || entry === undefined) return []
  return [conf(path, formatFlagFile({ unit: name, command: `weft ${name.slice('weft-'.length)}`, about: entry.about, flags: entry.flags(settings) }))]
}
