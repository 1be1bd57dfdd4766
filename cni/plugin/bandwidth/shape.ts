// Shaping a pod's traffic: towards the pod at the host's end of its pair; from the pod at an IFB device, which what the
// host's end receives is sent through, since Linux only shapes what leaves a device.

import { readFileSync } from 'node:fs'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { isRefusal } from '../../../src/net/netlink/netlink-error.ts'
import { CniError } from '../cni-error.ts'
import type { Bandwidth, Rate } from '../config/bandwidth.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { CniInterface } from '../result/result.ts'
import { planBucket, ticksPerSecond } from './plan-bucket.ts'

export type ShapeOptions = Readonly<{ hostLink: Link; ifb: string; signal: AbortSignal }>

const bucketOf = (rate: Rate): ReturnType<typeof planBucket> => planBucket(rate, { ticksPerSecond: ticksPerSecond(readFileSync('/proc/net/psched', 'utf8')) })

/** Answers the device made for the other direction, as the result names it. */
export async function shape(host: CniHost, bandwidth: Bandwidth, options: ShapeOptions): Promise<CniInterface | undefined> {
  const { trafficControl } = host.network.rtnl
  if (bandwidth.ingress !== undefined) await trafficControl.limit(options.hostLink.index, bucketOf(bandwidth.ingress), options)
  if (bandwidth.egress === undefined) return undefined
  const ifb = await addIfb(host, options)
  await trafficControl.limit(ifb.index, bucketOf(bandwidth.egress), options)
  await trafficControl.redirectIngress(options.hostLink.index, ifb.index, options)
  return { name: ifb.name, ...(ifb.mac !== undefined && { mac: ifb.mac }) }
}

/** Its name belongs to this attachment alone: one that stands there is a failed ADD's, and goes. */
async function addIfb(host: CniHost, { ifb, hostLink, signal }: ShapeOptions): Promise<Link> {
  const { links } = host.network.rtnl
  const add = (): Promise<void> => links.add({ name: ifb, mtu: hostLink.mtu, up: true, info: { kind: 'ifb' } }, { signal })
  try {
    await add()
  } catch (error) {
    if (!isRefusal(error, 'EEXIST')) throw error
    await links.remove(ifb, { signal })
    await add()
  }
  const link = await links.get(ifb, { signal })
  if (link === undefined) throw new CniError('CNI_TRY_AGAIN_LATER', `device ${ifb} vanished while it was being made`)
  return link
}

/** Throws 117 when a bucket is missing or another. */
export async function checkShape(host: CniHost, bandwidth: Bandwidth, options: ShapeOptions): Promise<void> {
  if (bandwidth.ingress !== undefined) await checkBucket(host, options.hostLink, bandwidth.ingress, options)
  if (bandwidth.egress === undefined) return
  const ifb = await host.network.rtnl.links.get(options.ifb, options)
  if (ifb === undefined) throw new CniError('CNI_CHECK_MISMATCH', `device ${options.ifb}: expected an ifb, found no such link`)
  await checkBucket(host, ifb, bandwidth.egress, options)
}

async function checkBucket(host: CniHost, link: Link, rate: Rate, options: ShapeOptions): Promise<void> {
  const wanted = bucketOf(rate)
  const found = (await host.network.rtnl.trafficControl.qdiscs(link.index, options)).find(qdisc => qdisc.kind === 'tbf')?.bucket
  const describe = (bucket: typeof found): string => (bucket === undefined ? 'none' : `${bucket.rate} bytes/s, limit ${bucket.limit}`)
  // The kernel keeps the buffer in nanoseconds: it may come back a few ticks off.
  const same = found !== undefined && found.rate === wanted.rate && found.limit === wanted.limit && Math.abs(found.buffer - wanted.buffer) <= wanted.buffer / 1000 + 2
  if (!same) throw new CniError('CNI_CHECK_MISMATCH', `token bucket of ${link.name}: expected ${describe(wanted)}, found ${describe(found)}`)
}
