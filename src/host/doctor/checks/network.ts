// Addresses, prefixes, ports, MTU, and whether the others can be reached.

import { formatAddress } from '../../../net/ip/address.ts'
import { containsAddress, formatPrefix, overlaps, prefixOf } from '../../../net/ip/prefix.ts'
import type { HostFacts } from '../facts.ts'
import { failure, ok, unknown, warning, type Check } from '../finding.ts'

/** Links that Weft and container runtimes make: their prefixes are the cluster's own. */
const INNER_LINK = /^(?:lo|cni\d|flannel|tunl|weft|veth|kube-|nodelocaldns)/
/** RFC 8200 section 5: what every IPv6 link carries; less helps nobody with IPv4 either. */
const MIN_MTU = 1280
const OVERHEAD: Readonly<Record<string, number>> = { vxlan: 50, wireguard: 80, ipip: 20, udp: 28 }

export const nodeAddress: Check = {
  name: 'node-address',
  run: ({ network: { nodeIp }, links, peers, installed, machineId, hostName }) => {
    if (nodeIp === undefined) return [failure('no address to the other hosts can be found', 'give an interface an address, or name one with --node-ip')]
    const text = formatAddress(nodeIp)
    const link = links.find(({ addresses }) => addresses.some(({ address }) => formatAddress(address) === text))
    const others = peers.filter(({ name }) => name !== (installed?.nodeName ?? hostName))
    const twins = others.filter(({ address }) => address === text).map(({ name }) => name)
    const clones = machineId === '' ? [] : others.filter(peer => peer.machineId === machineId).map(({ name }) => name)
    return [
      link === undefined ? failure(`no interface has the address ${text}`, 'weft install --node-ip with one that "ip address" shows') : link.up ? ok(`${text} on ${link.name}`) : failure(`${link.name}, which has ${text}, is down`, `ip link set ${link.name} up`),
      ...(twins.length > 0 ? [failure(`${text} is also the address of ${twins.join(', ')}, as with VirtualBox guests, which all have 10.0.2.15`, 'weft install --node-ip with an address of the network between the hosts')] : []),
      ...(clones.length > 0 ? [warning(`/etc/machine-id is that of ${clones.join(', ')}: this machine was cloned, and DHCP servers and leases may take both for one`, 'rm /etc/machine-id; systemd-machine-id-setup; reboot')] : []),
    ]
  },
}

export const overlap: Check = {
  name: 'overlapping-networks',
  run: ({ network: { pods, services }, links, routes }) => {
    const used = [
      ...links.filter(({ name }) => !INNER_LINK.test(name)).flatMap(({ name, addresses }) => addresses.map(({ address, prefixLength }) => ({ what: `${name} has ${formatAddress(address)}/${prefixLength}`, prefix: prefixOf(address, prefixLength) }))),
      // Prefixes up to /1 are default routes, also in halves, as VPNs write them.
      ...routes.filter(({ link, destination }) => destination.length > 1 && !INNER_LINK.test(link ?? '')).map(({ destination, link }) => ({ what: `the route to ${formatPrefix(destination)} by ${link ?? 'several links'}`, prefix: destination })),
    ]
    const found = ([['pod network', '--pod-cidr', pods], ['Service network', '--service-cidr', services]] as const).flatMap(([what, flag, prefix]) => {
      const hit = used.find(each => each.prefix.family === prefix.family && overlaps(each.prefix, prefix))
      return hit === undefined ? [] : [failure(`the ${what} ${formatPrefix(prefix)} overlaps what this host uses already: ${hit.what}`, `another ${flag} for the cluster`)]
    })
    return found.length > 0 ? found : [ok(`${formatPrefix(pods)} and ${formatPrefix(services)} are free here`)]
  },
}

export const mtu: Check = {
  name: 'mtu',
  run: ({ network: { nodeIp, backend }, links, peers }) => {
    const link = nodeIp === undefined ? undefined : links.find(({ addresses }) => addresses.some(({ address }) => formatAddress(address) === formatAddress(nodeIp)))
    if (link === undefined) return [unknown('the interface between hosts is not known')]
    const left = link.mtu - (OVERHEAD[backend] ?? 0)
    const cut = peers.filter(({ fullPackets, reachable }) => fullPackets === false && reachable !== false)
    return [
      ...(left < MIN_MTU ? [failure(`${link.name} has MTU ${link.mtu}; ${backend} leaves pods ${left}`, `raise it to at least ${MIN_MTU + (OVERHEAD[backend] ?? 0)}`)] : []),
      ...cut.map(({ name, address }) => failure(`packets of ${link.mtu} bytes do not reach ${name} (${address}) in one piece: large answers would be lost`, `set the MTU of ${link.name} to what the path carries, or "MTU" in net-conf.json`)),
      ...(left >= MIN_MTU && cut.length === 0 ? [ok(`${link.name} has ${link.mtu}, pods ${left}`)] : []),
    ]
  },
}

const neededPorts = ({ network: { role, apiPort }, installed }: HostFacts): readonly (readonly ['tcp' | 'udp', number, string])[] => [
  ...(role === 'control-plane' ? [['tcp', apiPort, 'the API server'], ['tcp', 10257, 'the controllers\' health']] as const : []),
  ['tcp', 10256, 'the proxy\'s health'], ['tcp', 10249, 'the proxy\'s metrics'],
  ...(installed?.runtime === 'none' ? [] : [['tcp', 10244, 'the agent\'s health']] as const),
]

export const ports: Check = {
  name: 'ports',
  run: facts => {
    const { listeners, ephemeralPorts } = facts
    const [first, last] = [30_000, 32_767]
    const isOurs = (program: string | undefined): boolean => facts.installed !== undefined && (program === undefined || /^(?:node|weft|MainThread)/.test(program))
    const taken = neededPorts(facts).flatMap(([protocol, port, why]) => {
      const holder = listeners.find(listener => listener.protocol === protocol && listener.port === port)
      return holder === undefined || isOurs(holder.program) ? [] : [failure(`${protocol.toUpperCase()} ${port}, for ${why}, is taken${holder.program === undefined ? '' : ` by ${holder.program}`}`, 'stop that program, or give Weft another port in /etc/weft')]
    })
    const inRange = listeners.filter(({ port }) => port >= first && port <= last)
    return [
      ...taken,
      ...(inRange.length > 0 ? [warning(`programs of this host listen on node ports: ${[...new Set(inRange.map(({ port, program }) => `${port}${program === undefined ? '' : ` (${program})`}`))].slice(0, 5).join(', ')}; a Service may get the same`, 'move them, or give the API server another --service-node-port-range')] : []),
      ...(ephemeralPorts !== undefined && ephemeralPorts[0] <= last && ephemeralPorts[1] >= first ? [warning(`this host's own connections start from ports ${ephemeralPorts.join(' to ')}, among them the node ports ${first} to ${last}`, `sysctl -w net.ipv4.ip_local_port_range="${last + 1} 60999"`)] : []),
      ...(taken.length + inRange.length === 0 ? [ok('the ports that are needed are free or Weft\'s own')] : []),
    ]
  },
}

export const apiServer: Check = {
  name: 'api-server',
  run: ({ api }) => {
    if (api === undefined) return [ok('no API server to reach yet')]
    return [api.problem === undefined ? ok(`${api.url} answers`) : failure(`${api.url}: ${api.problem}`, 'is it running (journalctl -u weft-apiserver on the control plane), and does a firewall stand between?')]
  },
}

export const peers: Check = {
  name: 'peers',
  run: ({ peers: all, installed, hostName }) => {
    const others = all.filter(({ name }) => name !== (installed?.nodeName ?? hostName))
    const lost = others.filter(({ reachable }) => reachable === false)
    if (others.length === 0) return [ok('no other host is known')]
    if (lost.length > 0) return lost.map(({ name, address }) => failure(`${name} (${address}) cannot be reached`, 'is it up? ip route get with its address shows the way; a firewall may stand between'))
    const untried = others.filter(({ reachable }) => reachable === undefined)
    return [untried.length > 0 ? unknown(`not tried: ${untried.map(({ name }) => name).join(', ')}`) : ok(`${others.map(({ name }) => name).join(', ')} can be reached`)]
  },
}

export const daemons: Check = {
  name: 'daemons',
  run: ({ installed, units, health }) => {
    if (installed === undefined) return []
    const down = units.filter(({ state }) => state !== 'active')
    const ill = health.filter(({ problem }) => problem !== undefined)
    return [
      ...down.map(({ name, state }) => failure(`${name} is ${state}`, `journalctl -u ${name} -n 50`)),
      ...ill.map(({ name, problem }) => failure(`${name}: ${problem}`, `journalctl -u ${name} -n 50`)),
      ...(down.length + ill.length === 0 ? [ok(`${units.map(({ name }) => name).join(', ')} run`)] : []),
    ]
  },
}

/** A node that has an address inside the pod network would reach itself instead of a pod. */
export const nodeInside: Check = {
  name: 'node-address-inside',
  run: ({ network: { nodeIp, pods, services } }) => {
    const inside = nodeIp === undefined ? [] : [pods, services].filter(prefix => prefix.family === nodeIp.family && containsAddress(prefix, nodeIp))
    return inside.map(prefix => failure(`this host's address ${formatAddress(nodeIp!)} lies in ${formatPrefix(prefix)}`, 'another --pod-cidr or --service-cidr'))
  },
}
