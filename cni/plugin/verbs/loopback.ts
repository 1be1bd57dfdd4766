// The loopback plugin: `lo` of the pod up, whatever CNI_IFNAME says.

import { parseInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { openRtnl, type Rtnl } from '../../../src/net/rtnetlink/rtnl.ts'
import { CniError } from '../cni-error.ts'
import type { CniHost } from '../host/cni-host.ts'
import { openPodNamespace, type PodNamespace } from '../link/pod-namespace.ts'
import type { CniRequest } from '../request/parse-request.ts'
import type { CniResult } from '../result/result.ts'
import type { Caller } from '../socket/connection.ts'
import type { RawRequest } from '../wire/raw-request.ts'

const ADDRESSES = ['127.0.0.1/8', '::1/128'].map(text => parseInterfaceAddress(text, 'loopback address'))

export async function addLoopback(request: CniRequest, pod: PodNamespace, options: Readonly<{ signal: AbortSignal }>): Promise<CniResult> {
  await using rtnl = openRtnl({ netns: pod.fd })
  const lo = await loopbackLink(rtnl, options.signal)
  await rtnl.links.change(lo.index, { up: true }, options)
  const addresses = await rtnl.addresses.list({ signal: options.signal, linkIndex: lo.index })
  const stray = addresses.find(({ address }) => (address.family === 4 ? address.bits >> 24n !== 127n : address.bits !== 1n && address.bits >> 118n !== 0x3fan))
  if (stray !== undefined) throw new CniError('CNI_INTERNAL', 'lo carries an address that is no loopback address')
  if (request.prevResult !== undefined) return request.prevResult
  const present = ADDRESSES.filter(({ address }) => addresses.some(each => each.address.family === address.family))
  return {
    interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: request.netns }],
    ips: present.map(address => ({ address, interface: 0 })),
    routes: [],
    dns: {},
  }
}

export async function checkLoopback(pod: PodNamespace, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  await using rtnl = openRtnl({ netns: pod.fd })
  if (!(await loopbackLink(rtnl, options.signal)).up) throw new CniError('CNI_CHECK_MISMATCH', 'interface lo: expected up, found down')
}

/** Sets `lo` down where its namespace still exists. */
export async function deleteLoopback(request: CniRequest, raw: RawRequest, { host, caller }: Readonly<{ host: CniHost; caller: Caller }>): Promise<void> {
  if (raw.openedNetns?.kind !== 'opened') return
  let pod: PodNamespace
  try {
    pod = openPodNamespace({ path: request.netns, opened: raw.openedNetns, callerPid: caller.pid, host: host.network.identity, mayBeHost: false })
  } catch (err) {
    host.log.warn({ err, containerId: request.containerId }, 'loopback of a namespace that is gone or the host\'s left alone')
    return
  }
  using _ = pod
  await using rtnl = openRtnl({ netns: pod.fd })
  const signal = AbortSignal.timeout(LIMIT_MS)
  await rtnl.links.change((await loopbackLink(rtnl, signal)).index, { up: false }, { signal })
}
const LIMIT_MS = 10_000

async function loopbackLink(rtnl: Rtnl, signal: AbortSignal): Promise<Link> {
  const lo = await rtnl.links.get('lo', { signal })
  if (lo === undefined) throw new CniError('CNI_INTERNAL', 'the namespace has no link lo')
  return lo
}
