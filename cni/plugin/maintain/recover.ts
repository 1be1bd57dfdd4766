// What a restarted agent finds: records of unfinished work, links without a record, links half removed.

import type { Attachment } from '../attachment/attachment.ts'
import { removeAttachment } from '../attach/remove-attachment.ts'
import { hostLinkName, parseAlias } from '../attachment/names.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { PortVlan } from '../../../src/net/rtnetlink/bridge-vlans.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'
import { attachmentOf } from './rebuild-attachment.ts'

const LIST_LIMIT_MS = 10_000

/** Finishes or undoes what was under way and takes in running pods whose records were lost. Running pods are never cut off. */
export async function recover(host: CniHost): Promise<void> {
  await host.reaper.reap()
  const signal = AbortSignal.timeout(LIST_LIMIT_MS)
  const links = await host.network.rtnl.links.list({ signal })
  const lost = links.filter(link => isLost(host, link))
  if (lost.length > 0) await rebuild(host, lost, { links, signal })
  const unfinished = host.store.list().filter(attachment => attachment.state !== 'active')
  await Promise.all(unfinished.map(attachment => undo(host, attachment)))
}

async function undo(host: CniHost, attachment: Attachment): Promise<void> {
  const { containerId, ifname, state } = attachment
  try {
    await (await removeAttachment(host, attachment)).finished
    host.log.info({ containerId, ifname, state }, 'unfinished attachment removed')
  } catch (err) {
    host.log.warn({ err, containerId, ifname, state }, 'unfinished attachment cannot be removed yet')
  }
}

/** A link of ours without a record: its alias tells whose it is. */
function isLost(host: CniHost, link: Link): boolean {
  const alias = parseAlias(link.alias)
  if (alias === undefined || link.info.kind !== 'veth') return false
  if (alias === 'unreadable' || hostLinkName(alias) !== link.name) {
    host.log.warn({ link: link.name, alias: link.alias }, 'link of an unknown attachment left alone')
    return false
  }
  return host.store.get('interface', alias) === undefined
}

/** Everything that the kernel holds for these links becomes a record again. */
async function rebuild(host: CniHost, lost: readonly Link[], { links, signal }: Readonly<{ links: readonly Link[]; signal: AbortSignal }>): Promise<void> {
  const { rtnl } = host.network
  const filters = links.some(link => link.info.kind === 'bridge' && link.info.vlanFiltering)
  const found = {
    links, tables: await host.rules.read({ signal }), addresses: await rtnl.addresses.list({ signal }),
    vlans: filters ? await rtnl.bridgeVlans.list({ signal }) : new Map<number, readonly PortVlan[]>(),
  }
  for (const link of lost) {
    const attachment = attachmentOf(link, found)
    await host.store.put(attachment)
    host.log.warn({ link: link.name, containerId: attachment.containerId, ifname: attachment.ifname }, 'lost attachment record rebuilt from its link')
  }
}
