// ADD of an interface: reserve, wire, answer. Everything that fails undoes what this call did, and only that.

import { hostLinkName, ifbName, formatAlias } from '../attachment/names.ts'
import type { Attachment, HeldAddress } from '../attachment/attachment.ts'
import { CniError } from '../cni-error.ts'
import { readBandwidth, type Bandwidth } from '../config/bandwidth.ts'
import { shape } from '../bandwidth/shape.ts'
import { readPortOptions } from '../config/port-mappings.ts'
import { readBridgeConfig, type BridgeConfig } from '../config/bridge-config.ts'
import { readPodSettings } from '../config/pod-settings.ts'
import { applyPodSettings } from '../link/pod-settings.ts'
import { formatAddress } from '../../../src/net/ip/address.ts'
import type { Mac } from '../../../src/net/ip/mac.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '../../../src/net/netlink/constants.ts'
import { RTM_NEWNEIGH } from '../../../src/net/rtnetlink/constants.ts'
import { neighbourMessage } from '../../../src/net/rtnetlink/neighbours.ts'
import { containsAddress, networkAddress, prefixOf, type InterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { Bridge } from '../link/bridges.ts'
import { randomMac } from '../link/mac.ts'
import { announcePod, configurePod } from '../link/pod-side.ts'
import type { PodNamespace } from '../link/pod-namespace.ts'
import { planResultRoutes } from '../link/plan-pod-routes.ts'
import { addPair, isForwarding } from '../link/veth.ts'
import type { CniRequest } from '../request/parse-request.ts'
import { isEmptyDns, type CniResult, type CniRoute } from '../result/result.ts'
import { allocate, dnsOf, ipsOf } from './allocate.ts'
import { claimsFor, openPorts } from './ports.ts'
import { removeAttachment } from './remove-attachment.ts'

/** Until the bridge forwards frames to the new port: the upstream plugin's limit (its polls sum up to 2.5 s). */
const FORWARDING_LIMIT_MS = 2500

export type AddOptions = Readonly<{ kind: 'weft' | 'bridge'; pod: PodNamespace; startedNs: bigint; signal: AbortSignal }>

export async function addInterface(host: CniHost, request: CniRequest, options: AddOptions): Promise<CniResult> {
  const config = readBridgeConfig(request, options.kind)
  const ports = options.kind === 'weft' ? readPortOptions(request.config) : undefined
  const bandwidth = options.kind === 'weft' ? readBandwidth(request.config) : undefined
  const settings = options.kind === 'weft' ? readPodSettings(request) : {}
  await refuseSecondAttachment(host, request)
  await outlastFormer(host, request, options.pod)
  const podMac = config.mac ?? randomMac()
  const draft = draftOf(request, config, { ...options, podMac })
  let record = config.ipam === undefined ? draft : await allocate(host, { network: request.network, ipam: config.ipam, draft, signal: options.signal })
  try {
    if (config.ipam === undefined) await host.store.put(record)
    host.reached('add:reserved')
    let result = await wire(host, request, { ...options, config, record, podMac })
    applyPodSettings(options.pod.fd, settings)
    if (ports !== undefined) record = { ...record, ports: claimsFor(ports, record.addresses.map(held => held.address)) }
    if (bandwidth?.egress !== undefined) record = { ...record, ifb: ifbName(request, request.network) }
    if (record.ports.length > 0 || record.ifb !== undefined) await host.store.put(record)
    if (bandwidth !== undefined) result = await withShape(host, result, { bandwidth, record, signal: options.signal })
    await openPorts(host, record, options)
    host.reached('add:rules')
    await host.store.put({ ...record, state: 'active' })
    host.reached('add:active')
    return result
  } catch (error) {
    await rollBack(host, record, error)
    throw error
  }
}

/** The live attachment stays as it is. One whose link is gone is no longer alive: its namespace died without a DEL. */
async function refuseSecondAttachment(host: CniHost, request: CniRequest): Promise<void> {
  const existing = host.store.get('interface', request)
  if (existing === undefined) return
  const alive = existing.state === 'active' && existing.link !== undefined && (await host.network.rtnl.links.get(existing.link.host, { signal: AbortSignal.timeout(5000) })) !== undefined
  if (alive) {
    throw new CniError('CNI_ATTACHMENT_EXISTS', `container ${request.containerId} has an interface ${request.ifname} on network ${existing.network} already`)
  }
  await (await removeAttachment(host, existing)).finished
}

/** An interface of that name that is on its way out of this very namespace, another container's, is waited for. */
async function outlastFormer(host: CniHost, request: CniRequest, pod: PodNamespace): Promise<void> {
  const leaving = host.store.list().some(each => each.state === 'deleting' && each.netnsInode === pod.inode && each.ifname === request.ifname)
  if (leaving) await host.reaper.reap()
}

const draftOf = (request: CniRequest, config: BridgeConfig, options: AddOptions & Readonly<{ podMac: Mac }>): Attachment => ({
  role: 'interface',
  madeAs: options.kind,
  network: request.network,
  containerId: request.containerId,
  ifname: request.ifname,
  state: 'reserved',
  startedNs: options.startedNs,
  netnsInode: options.pod.inode,
  link: {
    host: hostLinkName(request), bridge: config.bridge, hairpin: config.hairpinMode, isolated: config.portIsolation, gateway: config.isGateway,
    promiscuous: config.promiscMode, vlans: config.vlans, onlyMac: config.macSpoofCheck ? options.podMac : undefined,
  },
  addresses: [],
  storage: { kind: 'own', pool: request.network },
  masquerade: config.ipMasq,
  ports: [],
  ifb: undefined,
})

async function wire(host: CniHost, request: CniRequest, options: AddOptions & Readonly<{ config: BridgeConfig; record: Attachment; podMac: Mac }>): Promise<CniResult> {
  const { config, record, podMac, signal } = options
  const lease = options.kind === 'weft' ? host.lease() : undefined
  const mtu = config.mtu ?? lease?.mtu
  const ips = ipsOf(record.addresses, 2)
  const leased: readonly CniRoute[] = (config.ipam?.sets.length === 0 ? (lease?.clusterCidrs ?? []) : [])
    .filter(prefix => ips.some(ip => ip.address.address.family === prefix.family))
    .map(prefix => ({ dst: { address: networkAddress(prefix), prefixLength: prefix.length } }))
  const routes = planResultRoutes({ ips, routes: [...(config.ipam?.routes ?? []), ...leased], isDefaultGateway: config.isDefaultGateway })
  const bridge = await ensureBridge(host, { config, record, mtu, signal })
  host.reached('add:bridge')
  const hostName = hostLinkName(request)
  if (config.macSpoofCheck) await host.rules.sync({ signal }) // before the pod can send
  const pair = {
    hostName, hostMac: randomMac(), podName: request.ifname, podMac, podNetnsFd: options.pod.fd, mtu, bridgeIndex: bridge.index,
    alias: formatAlias({ ...request, addresses: record.addresses.map(each => each.address) }), hairpin: config.hairpinMode, isolated: config.portIsolation, vlans: config.vlans,
  }
  await addPair(host.network, pair, { signal })
  host.reached('add:pair')
  const podLink = await configurePod({ netnsFd: options.pod.fd, ifname: request.ifname, ips, routes, duplicateAddressDetection: config.duplicateAddressDetection, linkDown: config.linkDown }, { clock: host.clock, signal })
  host.reached('add:pod')
  const hostLink = config.linkDown
    ? host.network.getLink(hostName)
    : await host.network.waitForLink(hostName, isForwarding, { signal: AbortSignal.any([signal, AbortSignal.timeout(FORWARDING_LIMIT_MS)]) })
  host.reached('add:forwarding')
  if (ips.length > 0) await announcePod({ netnsFd: options.pod.fd, link: podLink, ips }, { clock: host.clock, signal })
  introduce(host, { linkIndex: bridge.gateway.index, addresses: record.addresses, mac: podLink.mac ?? podMac })
  return {
    interfaces: [
      { name: bridge.name, ...(bridge.mac !== undefined && { mac: bridge.mac }) },
      { name: hostName, mac: hostLink?.mac ?? pair.hostMac },
      { name: request.ifname, mac: podLink.mac ?? podMac, sandbox: request.netns },
      ...(bridge.gateway.index === bridge.index ? [] : [{ name: bridge.gateway.name, ...(bridge.gateway.mac !== undefined && { mac: bridge.gateway.mac }) }]),
    ],
    ips,
    routes,
    dns: !isEmptyDns(config.dns) ? config.dns : config.ipam === undefined ? {} : dnsOf(config.ipam),
  }
}

async function withShape(host: CniHost, result: CniResult, options: Readonly<{ bandwidth: Bandwidth; record: Attachment; signal: AbortSignal }>): Promise<CniResult> {
  const { bandwidth, record, signal } = options
  if (bandwidth.ingress === undefined && bandwidth.egress === undefined) return result
  const hostLink = await host.network.rtnl.links.get(record.link!.host, { signal })
  if (hostLink === undefined) throw new CniError('CNI_TRY_AGAIN_LATER', `link ${record.link!.host} vanished while it was being shaped`)
  const ifb = await shape(host, bandwidth, { hostLink, ifb: ifbName(record, record.network), signal })
  return ifb === undefined ? result : { ...result, interfaces: [...result.interfaces, ifb] }
}

/** Tells the host the pod's MAC, in the place of what it knew of a former owner of the address. */
function introduce(host: CniHost, pod: Readonly<{ linkIndex: number; addresses: readonly HeldAddress[]; mac: Mac }>): void {
  if (pod.addresses.length === 0) return
  const failed = host.network.quick.transact(pod.addresses.map(({ address }) =>
    neighbourMessage({ type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, operation: `RTM_NEWNEIGH ${formatAddress(address)}` }, { linkIndex: pod.linkIndex, address, mac: pod.mac, state: NUD_STALE }),
  )).find(({ error }) => error !== undefined)
  if (failed?.error !== undefined) throw failed.error
}

/** Valid, to be confirmed by the first exchange (linux/neighbour.h): the host knows the pod's MAC without asking. */
const NUD_STALE = 0x04

async function ensureBridge(host: CniHost, options: Readonly<{ config: BridgeConfig; record: Attachment; mtu: number | undefined; signal: AbortSignal }>): Promise<Bridge> {
  const { config, record } = options
  const gateways = config.isGateway ? record.addresses.flatMap(({ gateway, prefixLength }) => (gateway === undefined ? [] : [{ address: gateway, prefixLength }])) : []
  const ownsAddresses = record.storage.kind === 'own'
  return await host.bridges.ensure({
    name: config.bridge,
    mtu: options.mtu,
    promiscuous: config.promiscMode,
    gateways: uniqueAddresses(gateways),
    filtersVlans: config.vlans !== undefined,
    gatewayVlan: gateways.length === 0 || config.vlans?.native === undefined ? undefined : { vlan: config.vlans.native, keepsDefault: config.vlans.keepsDefault },
    // A subnet that was ours and that no pod lives in any more left its gateway behind: the host was given another lease.
    mayReplace: address => config.forceAddress || (ownsAddresses && !isInUse(host, config.bridge, address, record)),
  }, options)
}

const uniqueAddresses = (addresses: readonly InterfaceAddress[]): readonly InterfaceAddress[] => [
  ...new Map(addresses.map(each => [`${each.address.family}/${each.address.bits}/${each.prefixLength}`, each])).values(),
]

function isInUse(host: CniHost, bridge: string, address: InterfaceAddress, except: Attachment): boolean {
  const prefix = prefixOf(address.address, address.prefixLength)
  return host.store.list().some(each => each.link?.bridge === bridge && each !== except && each.addresses.some(held => containsAddress(prefix, held.address)))
}

/** The runtime hears of the error that counts; what cannot be undone now stays recorded and is undone later. */
async function rollBack(host: CniHost, record: Attachment, cause: unknown): Promise<void> {
  const keepsLink = cause instanceof CniError && cause.code === 'CNI_INTERFACE_EXISTS'
  try {
    await (await removeAttachment(host, keepsLink ? { ...record, link: undefined } : record)).finished
  } catch (err) {
    host.log.warn({ err, containerId: record.containerId, ifname: record.ifname }, 'failed attachment is not wholly undone yet')
  }
}
