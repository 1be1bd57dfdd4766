// Asks every host's agent how it sees the others, from inside the host.

import { AGENT_HEALTH_PORT } from '../daemons-plan.ts'
import { getFrom } from '../get-from-netns.ts'
import type { ClusterPlan } from '../cluster-plan.ts'
import type { MeshRow } from './format-mesh.ts'

const ANSWER_MS = 2_000

/** One row per host; an agent that does not answer has none to tell. */
export const readMesh = (plan: ClusterPlan, { signal }: { signal: AbortSignal }): Promise<readonly MeshRow[]> =>
  Promise.all(plan.hosts.map(async (host): Promise<MeshRow> => {
    try {
      const text = await getFrom(host.netns, new URL(`http://127.0.0.1:${AGENT_HEALTH_PORT}/status`), { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) })
      const { peers } = JSON.parse(text) as { peers?: NonNullable<MeshRow['peers']> }
      return { host: host.name, peers: peers ?? [] }
    } catch {
      signal.throwIfAborted()
      return { host: host.name, peers: undefined }
    }
  }))
