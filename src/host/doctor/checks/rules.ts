// Packet filters of others, and programs that would do the same work twice.

import { failure, ok, unknown, warning, type Check } from '../finding.ts'

export const packetFilter: Check = {
  name: 'iptables',
  run: ({ iptables, otherVariantTables, network }) => {
    if (iptables === undefined) return [network.proxyMode === 'nftables' ? ok('no iptables here, and none is needed by the proxy') : failure('no iptables program works here', 'install the package iptables, or use --proxy-mode nftables')]
    const other = iptables.variant === 'nft' ? 'legacy' : 'nft'
    if (otherVariantTables.length > 0) {
      return [warning(`iptables here is the ${iptables.variant} variant, and the ${other} one holds rules, too (tables ${otherVariantTables.join(', ')}): both apply, and each hides from the other's listing`, `look at them (iptables-${other}-save); let every program use one variant (update-alternatives --config iptables), then flush the other or reboot`)]
    }
    return [ok(`iptables ${iptables.version} (${iptables.variant})`)]
  },
}

export const foreignRules: Check = {
  name: 'foreign-rules',
  run: ({ droppingChains }) => {
    if (droppingChains === undefined) return [unknown('the packet filter cannot be read', 'run it as root, with nftables installed')]
    const forward = droppingChains.filter(({ hook }) => hook === 'forward')
    const input = droppingChains.filter(({ hook }) => hook === 'input')
    const named = (chains: typeof droppingChains): string => chains.map(({ family, table, chain }) => `${family} ${table} ${chain}`).join(', ')
    return [
      ...(forward.length > 0 ? [warning(`forwarded packets are dropped unless a rule takes them (${named(forward)}): weft agent accepts pods' packets in the iptables chain FORWARD, which other tables overrule`, 'accept the pod prefix there as well, or take that firewall off this host')] : []),
      ...(input.length > 0 ? [warning(`packets to this host are dropped unless a rule takes them (${named(input)})`, 'let other hosts reach TCP 6443 (control plane), UDP 8472 (vxlan), TCP 10256 and the node ports')] : []),
      ...(forward.length + input.length === 0 ? [ok('no packet filter of others drops by default')] : []),
    ]
  },
}

export const foreignPrograms: Check = {
  name: 'other-networks',
  run: ({ foreignPrograms: running, cniFiles, installed }) => {
    const files = cniFiles.filter(name => !/weft/.test(name))
    // containerd and CRI-O take the first by name.
    const first = [...cniFiles].sort()[0]
    return [
      ...running.map(name => failure(`${name} runs on this host: two would write the same links and rules`, name === 'kube-proxy' ? 'remove its DaemonSet and run "kube-proxy --cleanup" (docs/migration.md)' : 'remove it first (docs/migration.md)')),
      ...(files.length > 0 ? [(installed !== undefined && first !== undefined && files.includes(first) ? failure : warning)(`/etc/cni/net.d holds networks of others: ${files.join(', ')}${first !== undefined && files.includes(first) ? '; pods get the first by name' : ''}`, 'move them away')] : []),
      ...(running.length + files.length === 0 ? [ok('no other pod network')] : []),
    ]
  },
}
