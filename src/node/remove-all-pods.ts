// `weft node --cleanup`: ends every pod of this host, takes it off the network, and forgets it. The API server is not asked.

import type { Clock } from '../ops/clock.ts'
import { isAbort, WeftError } from '../ops/errors.ts'
import type { Logger } from '../ops/log.ts'
import type { CniNetwork } from './cni/cni-network.ts'
import type { PodFolders } from './process-runtime/pod-folders.ts'
import { ProcessRuntime } from './process-runtime/process-runtime.ts'

/** Every pod is tried, whatever fails before it. Nothing else may work on the same pods meanwhile. */
export async function removeAllPods({ folders, network, clock, log, signal }: Readonly<{ folders: PodFolders; network: CniNetwork; clock: Clock; log: Logger; signal: AbortSignal }>): Promise<void> {
  await using runtime = await ProcessRuntime.open({ folders, network, clock, onChange: () => undefined })
  const failed: string[] = []
  for (const uid of await runtime.list()) {
    try {
      const pod = await runtime.inspect(uid)
      for (const { id } of pod?.sandboxes ?? []) await runtime.removeSandbox(uid, id, { signal })
      await runtime.removePod(uid)
      log.info({ uid, pod: pod === undefined ? undefined : `${pod.namespace}/${pod.name}` }, 'removed a pod')
    } catch (err) {
      if (isAbort(err, signal)) throw err
      failed.push(uid)
      log.error({ err, uid }, 'cannot remove a pod')
    }
  }
  if (failed.length > 0) throw new WeftError('PODS_NOT_REMOVED', `${failed.length} pods could not be removed; the log says why`, { uids: failed })
}
