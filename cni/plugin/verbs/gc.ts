// GC: everything of this network that the runtime does not list any more goes.

import { join } from 'node:path'
import { removeAttachment } from '../attach/remove-attachment.ts'
import { RELEASE_LIMIT_MS } from '../attach/allocate.ts'
import type { AttachmentId } from '../attachment/names.ts'
import { CniError } from '../cni-error.ts'
import type { CniHost } from '../host/cni-host.ts'
import { releaseOthersInFolder } from '../ipam/host-local-folder.ts'
import type { Fields } from '../request/fields.ts'
import type { CniRequest } from '../request/parse-request.ts'

/** Goes on after errors and throws them joined. */
export async function collectGarbage(host: CniHost, request: CniRequest): Promise<void> {
  const valid = readValidAttachments(request.config)
  if (valid === undefined) return
  const keeps = ({ containerId, ifname }: AttachmentId): boolean => valid.some(each => each.containerId === containerId && each.ifname === ifname)
  const stale = host.store.list().filter(attachment => attachment.network === request.network && !keeps(attachment))
  const problems: string[] = []
  for (const attachment of stale) {
    try {
      await (await removeAttachment(host, attachment)).finished
      host.log.info({ network: attachment.network, containerId: attachment.containerId, ifname: attachment.ifname }, 'attachment collected')
    } catch (error) {
      problems.push(`${attachment.containerId}/${attachment.ifname}: ${(error as Error).message}`)
    }
  }
  const ipam = request.config.object('ipam')
  if (ipam?.string('type') === 'host-local') {
    const folder = join(ipam.string('dataDir') || '/var/lib/cni/networks', request.network)
    await releaseOthersInFolder(folder, valid, { clock: host.clock, signal: AbortSignal.timeout(RELEASE_LIMIT_MS) })
  }
  if (problems.length > 0) throw new CniError('CNI_INTERNAL', `some attachments could not be removed: ${problems.join('; ')}`)
}

/**
 * Undefined when the runtime does not say: then nothing is removed. `null` and an empty list say that nothing is valid
 * (Go serialises an empty list as `null`). The second key is an early misnomer that runtimes still send.
 */
export function readValidAttachments(config: Fields): readonly AttachmentId[] | undefined {
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find(each => config.has(each))
  if (key === undefined) return undefined
  return config.objects(key).map(fields => ({ containerId: fields.string('containerID') ?? '', ifname: fields.string('ifname') ?? '' }))
}
