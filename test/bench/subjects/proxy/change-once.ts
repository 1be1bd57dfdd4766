// One endpoint changes in the API; when is it in the kernel?

import { ENDPOINT_SLICES } from '../../../../src/client/resources.ts'
import { watchNftables } from '../../../../src/net/nfnetlink/nftables.ts'
import { sliceOf, type ProxyCluster, type RunningProxy, type Size } from './cluster.ts'
import { nextSync } from './programming.ts'

type Options = Readonly<{ round: number; size: Size }>

const LIMIT_MS = 15_000

/**
 * Milliseconds from the API server's answer to a write of a slice to the first commit of `table` that follows; negative
 * when the commit was first. NaN after 15 s. A commit of tens of thousands of rules overruns the socket that is to tell
 * of it; then the proxy's own metric tells.
 */
export async function changeOnce(cluster: ProxyCluster, running: RunningProxy, options: Options & Readonly<{ table: string }>): Promise<number> {
  const { table } = options
  const { host } = running
  const done = Promise.withResolvers<number>()
  let touched = false
  const watch = watchNftables(event => {
    if (event.kind === 'object' && event.table === table) touched = true
    if (event.kind === 'generation' && touched) done.resolve(performance.now())
  }, { netns: host.netns })
  try {
    await moveEndpoint(cluster, options)
    const answered = performance.now()
    return await Promise.race([done.promise.then(at => at - answered), nextSync(running, Date.now(), LIMIT_MS)])
  } finally {
    watch.close()
  }
}

/** The same for a kernel that tells nobody of a change (x_tables): to the end of the proxy's sync, by its own metric. */
export async function changeOnceByMetric(cluster: ProxyCluster, running: RunningProxy, options: Options): Promise<number> {
  await moveEndpoint(cluster, options)
  return nextSync(running, Date.now(), LIMIT_MS)
}

async function moveEndpoint(cluster: ProxyCluster, { round, size }: Options): Promise<void> {
  const n = 16 + ((round * 7919) % size.services)
  const signal = AbortSignal.timeout(60_000)
  const current = await cluster.client.get(ENDPOINT_SLICES, { namespace: 'default', name: `svc-${n}` }, { signal })
  const { resourceVersion } = current.metadata
  // To where it is not yet: the proxy measured before may have left any of the two.
  const [here, there] = [sliceOf(n, size.endpoints, 1), sliceOf(n, size.endpoints, 2)]
  const next = current.endpoints[0]?.addresses[0] === here.endpoints[0]!.addresses[0] ? there : here
  await cluster.client.update(ENDPOINT_SLICES, { ...next, metadata: { ...next.metadata, resourceVersion } }, { signal })
}
