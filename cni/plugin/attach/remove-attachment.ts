// Taking an attachment down, in two parts: what the caller waits for, and what may end after the answer. Every step may
// find its work done already; one that fails does not keep the others from running, and the record stays for another try.

import { gatewayLinkName, type Attachment } from '../attachment/attachment.ts'
import type { CniHost } from '../host/cni-host.ts'
import { releaseInFolder } from '../ipam/host-local-folder.ts'
import { RELEASE_LIMIT_MS } from './allocate.ts'
import { cutDatagramFlows } from './datagram-flows.ts'

/** Deletion has its own time: the request's may be over, and half a deletion helps nobody. */
const REMOVAL_LIMIT_MS = 25_000

export type Removal = Readonly<{ finished: Promise<void> }>

/**
 * Resolves when the pod is cut off and nothing of it answers any more. `finished` resolves when its link is gone, its
 * addresses are free and its record is dropped; it rejects with the first error of either part.
 */
export async function removeAttachment(host: CniHost, attachment: Attachment): Promise<Removal> {
  const signal = AbortSignal.timeout(REMOVAL_LIMIT_MS)
  const deleting: Attachment = { ...attachment, state: 'deleting' }
  await host.store.mark(deleting)
  host.reached('del:marked')
  const errors: unknown[] = []
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      errors.push(error)
    }
  }
  const hasRules = deleting.ports.length > 0 || deleting.masquerade || deleting.link?.onlyMac !== undefined
  if (hasRules) await attempt(() => host.rules.sync({ signal }))
  if (deleting.ports.length > 0) await attempt(() => cutDatagramFlows(host, deleting.ports, { signal }))
  host.reached('del:rules')
  for (const name of linksOf(deleting)) await attempt(() => host.reaper.condemn(name, { signal }))
  host.reached('del:condemned')
  await attempt(() => forgetNeighbours(host, deleting, signal))
  return { finished: finish(host, deleting, errors, attempt) }
}

async function finish(host: CniHost, attachment: Attachment, errors: unknown[], attempt: (work: () => Promise<unknown>) => Promise<void>): Promise<void> {
  const { storage } = attachment
  if (linksOf(attachment).length > 0) await attempt(() => host.reaper.reap())
  host.reached('del:removed')
  // An address must not be given out while its former link still answers for it.
  if (errors.length === 0 && storage.kind === 'host-local') {
    await attempt(() => releaseInFolder(storage.folder, attachment, { clock: host.clock, signal: AbortSignal.timeout(RELEASE_LIMIT_MS) }))
  }
  if (errors.length > 0) throw errors[0]
  await host.store.remove(attachment)
  host.reached('del:released')
}

const linksOf = ({ link, ifb }: Attachment): readonly string[] => [link?.host, ifb].filter(name => name !== undefined)

/** The host's own ARP and ND entries for the pod: the next owner of the address has another MAC. */
async function forgetNeighbours(host: CniHost, attachment: Attachment, signal: AbortSignal): Promise<void> {
  if (attachment.link === undefined || attachment.addresses.length === 0) return
  const link = await host.network.rtnl.links.get(gatewayLinkName(attachment.link), { signal })
  if (link === undefined) return
  for (const { address } of attachment.addresses) await host.network.rtnl.neighbours.remove({ linkIndex: link.index, address }, { signal })
}
