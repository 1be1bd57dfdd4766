// What a restarted agent finds: records of unfinished work, links without a record, links half removed.

import type { Attachment } from '../attachment/attachment.ts'
import { LEASE_POOL } from '../attach/allocate.ts'
import { removeAttachment } from '../attach/remove-attachment.ts'
import { hostLinkName, parseAlias } from '../attachment/names.ts'
import type { CniHost } from '../host/cni-host.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'

const LIST_LIMIT_MS = 10_000

/** Finishes or undoes what was under way and takes in running pods whose records were lost. Running pods are never cut off. */
export async function recover(host: CniHost): Promise<void> {
  await host.reaper.reap()
  const links = await host.network.rtnl.links.list({ signal: AbortSignal.timeout(LIST_LIMIT_MS) })
  for (const link of links) await adopt(host, link, links)
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
async function adopt(host: CniHost, link: Link, links: readonly Link[]): Promise<void> {
  const alias = parseAlias(link.alias)
  if (alias === undefined || link.info.kind !== 'veth') return
  if (alias === 'unreadable' || hostLinkName(alias) !== link.name) {
    host.log.warn({ link: link.name, alias: link.alias }, 'link of an unknown attachment left alone')
    return
  }
  if (host.store.get('interface', alias) !== undefined) return
  const bridge = links.find(each => each.index === link.masterIndex)
  const lease = host.lease()
  const prefixLength = (family: 4 | 6): number => lease?.subnets.find(subnet => subnet.family === family)?.length ?? (family === 4 ? 32 : 128)
  await host.store.put({
    role: 'interface',
    madeAs: 'weft',
    network: alias.network,
    containerId: alias.containerId,
    ifname: alias.ifname,
    state: 'active',
    startedNs: 0n,
    netnsInode: 0n,
    link: { host: link.name, bridge: bridge?.name ?? 'cni0', hairpin: link.port?.hairpin ?? false, isolated: link.port?.isolated ?? false, gateway: false, promiscuous: bridge?.promiscuous ?? false, vlans: undefined, onlyMac: undefined },
    addresses: alias.addresses.map((address, set) => ({ set, address, prefixLength: prefixLength(address.family), gateway: undefined })),
    storage: { kind: 'own', pool: LEASE_POOL },
    masquerade: false,
    ports: [],
    ifb: undefined,
  })
  host.log.warn({ link: link.name, containerId: alias.containerId, ifname: alias.ifname }, 'lost attachment record rebuilt from its link')
}
