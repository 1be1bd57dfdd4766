// DEL: what was recorded goes, whatever today's configuration says; what was never recorded is looked for where a lost
// store or another plugin may have left it.

import { join } from 'node:path'
import { removeAttachment, type Removal } from '../attach/remove-attachment.ts'
import { REBUILT_POOL, RELEASE_LIMIT_MS } from '../attach/allocate.ts'
import { hostLinkName, parseAlias } from '../attachment/names.ts'
import type { Role } from '../attachment/attachment.ts'
import type { CniHost } from '../host/cni-host.ts'
import { releaseInFolder } from '../ipam/host-local-folder.ts'
import type { CniRequest } from '../request/parse-request.ts'

/** Removes the attachment of that role; nothing to remove is success. */
export async function deleteAttachment(host: CniHost, request: CniRequest, role: Role): Promise<Removal> {
  const recorded = host.store.get(role, request)
  if (recorded !== undefined) {
    const removal = await removeAttachment(host, recorded)
    // A rebuilt record does not know whether its addresses stood in host-local's files.
    if (recorded.storage.kind === 'own' && recorded.storage.pool === REBUILT_POOL) return { finished: removal.finished.then(() => releaseUnrecorded(host, request)) }
    return removal
  }
  if (role === 'interface') await removeUnrecordedLink(host, request)
  await releaseUnrecorded(host, request)
  return { finished: Promise.resolve() }
}

/** Our own host end without a record, or another plugin's that the runtime's stored result names. */
async function removeUnrecordedLink(host: CniHost, request: CniRequest): Promise<void> {
  const signal = AbortSignal.timeout(LOOKUP_LIMIT_MS)
  const ours = hostLinkName(request)
  const bridgeNames = new Set([request.config.string('bridge') || 'cni0'])
  const named = (request.prevResult?.interfaces ?? []).filter(each => each.sandbox === undefined && each.name.startsWith('veth')).map(each => each.name)
  for (const name of new Set([ours, ...named])) {
    const link = await host.network.rtnl.links.get(name, { signal })
    if (link === undefined || link.info.kind !== 'veth') continue
    const alias = parseAlias(link.alias)
    const isOurs = name === ours || (typeof alias === 'object' && alias.containerId === request.containerId && alias.ifname === request.ifname)
    const onItsBridge = alias === undefined && link.masterIndex !== undefined && bridgeNames.has((await host.network.rtnl.links.get(link.masterIndex, { signal }))?.name ?? '')
    if (!isOurs && !onItsBridge) continue
    await host.reaper.condemn(name, { signal })
    await host.reaper.reap()
  }
}
const LOOKUP_LIMIT_MS = 10_000

/** Reservations in host-local's files, which need no record of ours. */
async function releaseUnrecorded(host: CniHost, request: CniRequest): Promise<void> {
  const ipam = request.config.object('ipam')
  if (ipam?.string('type') !== 'host-local') return
  const folder = join(ipam.string('dataDir') || '/var/lib/cni/networks', request.network)
  await releaseInFolder(folder, request, { clock: host.clock, signal: AbortSignal.timeout(RELEASE_LIMIT_MS) })
}
