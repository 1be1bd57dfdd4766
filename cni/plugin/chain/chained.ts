// Coming behind another plugin: host ports and shaping for an interface that somebody else made.

import type { Address } from '../../../src/net/ip/address.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { openRtnl } from '../../../src/net/rtnetlink/rtnl.ts'
import { openPorts, claimsFor } from '../attach/ports.ts'
import { removeAttachment } from '../attach/remove-attachment.ts'
import type { Attachment, Role } from '../attachment/attachment.ts'
import { ifbName } from '../attachment/names.ts'
import { checkShape, shape } from '../bandwidth/shape.ts'
import { CniError } from '../cni-error.ts'
import { readBandwidth, type Bandwidth } from '../config/bandwidth.ts'
import { readPortOptions, type PortOptions } from '../config/port-mappings.ts'
import { readPodSettings } from '../config/pod-settings.ts'
import { applyPodSettings, checkPodSettings } from '../link/pod-settings.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { PodNamespace } from '../link/pod-namespace.ts'
import type { CniRequest } from '../request/parse-request.ts'
import type { CniResult } from '../result/result.ts'

export type ChainedKind = 'weft' | 'portmap' | 'bandwidth'
type Options = Readonly<{ kind: ChainedKind; pod: PodNamespace; signal: AbortSignal }>

export const roleOf = (kind: ChainedKind): Role => (kind === 'bandwidth' ? 'bandwidth' : 'ports')

/** What is asked for; the plugin of one name does one of the two only. */
function wishesOf(request: CniRequest, kind: ChainedKind): Readonly<{ ports: PortOptions | undefined; bandwidth: Bandwidth }> {
  return {
    ports: kind === 'bandwidth' ? undefined : readPortOptions(request.config),
    bandwidth: kind === 'portmap' ? { ingress: undefined, egress: undefined } : readBandwidth(request.config),
  }
}

const isShaped = ({ ingress, egress }: Bandwidth): boolean => ingress !== undefined || egress !== undefined

/** Answers the predecessor's result, with the shaping device added where one was made. */
export async function addChained(host: CniHost, request: CniRequest, options: Options & Readonly<{ startedNs: bigint }>): Promise<CniResult> {
  const result = requirePrevResult(request)
  const { ports, bandwidth } = wishesOf(request, options.kind)
  const role = roleOf(options.kind)
  const former = host.store.get(role, request)
  if (former !== undefined) await (await removeAttachment(host, former)).finished
  const claims = ports === undefined ? [] : claimsFor(ports, targetsIn(result, request))
  if (options.kind === 'weft') applyPodSettings(options.pod.fd, readPodSettings(request))
  if (claims.length === 0 && !isShaped(bandwidth)) return result
  const record: Attachment = {
    role, madeAs: options.kind, network: request.network, containerId: request.containerId, ifname: request.ifname, state: 'reserved', startedNs: options.startedNs, netnsInode: options.pod.inode,
    link: undefined, storage: { kind: 'own', pool: '' }, masquerade: false, ports: claims, ifb: bandwidth.egress === undefined ? undefined : ifbName(request, request.network),
    // Held by its own plugin; here they only say which subnet counts as the pod's own.
    addresses: result.ips.filter(ip => belongs(result, ip.interface, request)).map(({ address }, set) => ({ set, ...address, gateway: undefined })),
  }
  await host.store.put(record)
  try {
    await openPorts(host, record, options)
    const ifb = isShaped(bandwidth) ? await shape(host, bandwidth, { hostLink: await hostEndOf(host, result, request, options), ifb: ifbName(request, request.network), signal: options.signal }) : undefined
    await host.store.put({ ...record, state: 'active' })
    return ifb === undefined ? result : { ...result, interfaces: [...result.interfaces, ifb] }
  } catch (error) {
    try {
      await (await removeAttachment(host, record)).finished
    } catch (err) {
      host.log.warn({ err, containerId: request.containerId }, 'failed attachment is not wholly undone yet')
    }
    throw error
  }
}

export async function checkChained(host: CniHost, request: CniRequest, options: Options): Promise<void> {
  const result = requirePrevResult(request)
  const { ports, bandwidth } = wishesOf(request, options.kind)
  const attachment = host.store.get(roleOf(options.kind), request)
  if (options.kind === 'weft') checkPodSettings(options.pod.fd, readPodSettings(request))
  const wanted = (ports?.mappings.length ?? 0) > 0 || isShaped(bandwidth)
  if (!wanted) return
  if (attachment === undefined) throw new CniError('CNI_UNKNOWN_CONTAINER', `no host ports or shaping of container ${request.containerId} with interface ${request.ifname} are known`)
  if (!(await host.rules.holds(attachment, options))) throw new CniError('CNI_CHECK_MISMATCH', 'packet filter table weft-cni: expected the host ports of this attachment, found some missing')
  if (isShaped(bandwidth)) await checkShape(host, bandwidth, { hostLink: await hostEndOf(host, result, request, options), ifb: ifbName(request, attachment.network), signal: options.signal })
}

function requirePrevResult(request: CniRequest): CniResult {
  if (request.prevResult === undefined) throw new CniError('CNI_INVALID_NETWORK_CONFIG', 'must be called as chained plugin: prevResult is missing')
  return request.prevResult
}

/** An address of the container's interface, or one that names no interface. */
function belongs(result: CniResult, index: number | undefined, request: CniRequest): boolean {
  if (index === undefined) return true
  const owner = result.interfaces[index]
  return owner?.name === request.ifname && owner.sandbox !== undefined
}

const targetsIn = (result: CniResult, request: CniRequest): readonly Address[] =>
  result.ips.filter(ip => belongs(result, ip.interface, request)).map(ip => ip.address.address)

/** The host's end of the container's veth pair; it must be one that the predecessor named. */
async function hostEndOf(host: CniHost, result: CniResult, request: CniRequest, { pod, signal }: Options): Promise<Link> {
  await using rtnl = openRtnl({ netns: pod.fd })
  const inside = await rtnl.links.get(request.ifname, { signal })
  const outside = inside?.parentIndex === undefined ? undefined : await host.network.rtnl.links.get(inside.parentIndex, { signal })
  if (outside === undefined || !result.interfaces.some(each => each.sandbox === undefined && each.name === outside.name)) {
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', `prevResult names no host interface that is the other end of ${request.ifname}`)
  }
  return outside
}
