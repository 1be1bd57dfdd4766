// The kernel, its settings, the programs and the clock.

import type { HostFacts, ModuleState } from '../facts.ts'
import { failure, ok, unknown, warning, type Check } from '../finding.ts'

/** 5.10 is the oldest kernel of a supported Debian; everything used here is older, but nothing older is tried. */
const OLDEST_KERNEL = [5, 10] as const
/** Certificates are valid from five minutes before they were made; leases are judged by the API server's clock. */
const MAX_SKEW_MS = 60_000

export const privileges: Check = {
  name: 'privileges', run: ({ isRoot }) => [isRoot ? ok('running as root') : warning('not running as root: packet filter, ports\' owners and files of others cannot be seen', 'run it with sudo')],
}

export const kernel: Check = {
  name: 'kernel',
  run: ({ kernelRelease }) => {
    const [major = 0, minor = 0] = kernelRelease.split('.').map(Number)
    const isOld = major < OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1])
    return [isOld ? warning(`Linux ${kernelRelease} is older than ${OLDEST_KERNEL.join('.')}, with which nobody has tried this`, 'upgrade the kernel') : ok(`Linux ${kernelRelease}`)]
  },
}

/** What each choice needs of the kernel. */
function neededModules({ network: { backend, proxyMode }, iptables }: HostFacts): readonly (readonly [name: string, why: string])[] {
  const legacy = iptables?.variant === 'legacy'
  return [
    ['veth', 'connects pods'], ['bridge', 'joins the pods of this host'], ['nf_conntrack', 'tracks connections'], ['nf_nat', 'translates addresses'],
    ...(backend === 'vxlan' || backend === 'wireguard' ? [[backend, 'is the backend']] as const : []), ...(backend === 'ipip' ? [['ipip', 'is the backend']] as const : []), ...(backend === 'udp' ? [['tun', 'is the backend']] as const : []),
    ...(legacy ? [['ip_tables', 'is the packet filter of iptables-legacy'], ['iptable_nat', 'is the packet filter of iptables-legacy']] as const : [['nf_tables', 'is the packet filter']] as const),
    ...(proxyMode === 'nftables' ? [['nft_numgen', 'chooses endpoints'], ['nft_nat', 'translates to endpoints']] as const
      : [['xt_statistic', 'chooses endpoints'], ['xt_comment', 'names rules'], ['xt_MASQUERADE', 'masquerades'], ['br_netfilter', 'lets pods of one host reach their own Services']] as const),
  ]
}

export const modules: Check = {
  name: 'kernel-modules',
  run: facts => {
    const by = (state: ModuleState): readonly (readonly [string, string])[] => neededModules(facts).filter(([name]) => (facts.modules[name] ?? 'unknown') === state)
    const missing = by('missing').map(([name, why]) => failure(`this kernel has no ${name}, which ${why}`, `install the kernel's further modules (Debian: linux-image-$(uname -m | sed s/x86_64/amd64/), Ubuntu: linux-modules-extra-$(uname -r)), or build with it`))
    const unclear = by('unknown').map(([name]) => name)
    const loadable = by('loadable').map(([name]) => name)
    return [
      ...missing, ...(unclear.length > 0 ? [unknown(`cannot tell whether this kernel has ${unclear.join(', ')}: its list of modules is not here`, 'try it: modprobe -a with these names')] : []),
      ...(missing.length + unclear.length === 0 ? [ok(loadable.length === 0 ? 'all that is needed is loaded or built in' : `all there; not loaded yet: ${loadable.join(', ')}`)] : []),
    ]
  },
}

export const settings: Check = {
  name: 'kernel-settings',
  run: ({ settings: now, installed, network: { proxyMode } }) => {
    const wanted: readonly (readonly [name: string, value: string, why: string])[] = [
      ['net/ipv4/ip_forward', '1', 'pods\' packets are routed'],
      ...(proxyMode === 'iptables' ? [['net/bridge/bridge-nf-call-iptables', '1', 'pods of one host reach each other through Services']] as const : []),
    ]
    const off = wanted.filter(([name, value]) => now[name] !== undefined && now[name] !== value)
    const strict = Object.entries(now).filter(([name, value]) => name.endsWith('/rp_filter') && value === '1' && /\/(?:flannel|tunl|weft)/.test(name))
    const findings = [
      // Before an installation they are off on most machines, and it sets them.
      ...off.map(([name, value, why]) => (installed === undefined ? ok(`${name} is ${now[name]}; the installation sets it to ${value} (${why})`)
        : failure(`${name} is ${now[name]} instead of ${value} (${why}): something sets it back`, `grep -r ${name.replaceAll('/', '.')} /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d; then sysctl --system`))),
      ...strict.map(([name]) => warning(`${name} is strict: packets from pods of other hosts may be dropped`, `sysctl -w ${name.replaceAll('/', '.')}=2`)),
    ]
    return findings.length > 0 ? findings : [ok('forwarding is on')]
  },
}

export const programs: Check = {
  name: 'programs',
  run: ({ programs: found }) => {
    const missing = Object.entries(found).filter(([, there]) => !there).map(([name]) => name)
    return [missing.length === 0 ? ok('all that is called is installed') : failure(`not in PATH: ${missing.join(', ')}`, 'install them (Debian: apt-get install iptables nftables iproute2 conntrack kmod)')]
  },
}

export const clock: Check = {
  name: 'time',
  run: ({ clockSynchronised, api }) => {
    const skewMs = api?.skewMs
    if (skewMs !== undefined && Math.abs(skewMs) > MAX_SKEW_MS) {
      return [failure(`this clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the API server's: certificates and leases are judged by time`, 'synchronise both (systemctl enable --now systemd-timesyncd, or chrony)')]
    }
    if (clockSynchronised === false) return [warning('nobody keeps this clock right', 'systemctl enable --now systemd-timesyncd, or install chrony')]
    return [clockSynchronised === undefined ? unknown('cannot tell whether anybody keeps this clock right') : ok('the clock is synchronised')]
  },
}
