// One endpoint changes in the API; when is it in the kernel?

import { setTimeout as delay } from 'node:timers/promises'
import { ENDPOINT_SLICES } from '../../../../src/client/resources.ts'
import { watchNftables } from '../../../../src/net/nfnetlink/nftables.ts'
import { sliceOf, type ProxyCluster, type RunningProxy, type Size } from './cluster.ts'

/** Milliseconds from the API server's answer to a write of a slice to the first commit of `table` that follows; negative when the commit was first. NaN after 15 s. */
export async function changeOnce(cluster: ProxyCluster, { host }: RunningProxy, options: Readonly<{ table: string; round: number; size: Size }>): Promise<number> {
  const { table, round, size } = options
  const done = Promise.withResolvers<number>()
  let touched = false
  const watch = watchNftables(event => {
    if (event.kind === 'object' && event.table === table) touched = true
    if (event.kind === 'generation' && touched) done.resolve(performance.now())
  }, { netns: host.netns })
  try {
    const n = 16 + ((round * 7919) % size.services)
    const signal = AbortSignal.timeout(60_000)
    const current = await cluster.client.get(ENDPOINT_SLICES, { namespace: 'default', name: `svc-${n}` }, { signal })
    const { resourceVersion } = current.metadata
    const next = sliceOf(n, size.endpoints, 1 + (round % 2))
    await cluster.client.update(ENDPOINT_SLICES, { ...next, metadata: { ...next.metadata, resourceVersion } }, { signal })
    const answered = performance.now()
    return (await Promise.race([done.promise, delay(15_000, Number.NaN)])) - answered
  } finally {
    watch.close()
  }
}
