// A real API server, its client, and waiting for what controllers do.

import { writeFileSync } from 'node:fs'
import { openApiClient, type ApiClient } from '../../../src/client/api-client.ts'
import { loadKubeconfig } from '../../../src/client/kubeconfig/load.ts'
import { silentLog } from '../../../src/ops/log.ts'
import type { ApiServerLab } from '../../lab/apiserver.ts'

/** Any API server with an administrator's kubectl. */
type Cluster = Pick<ApiServerLab, 'kubeconfig' | 'kubectl' | 'path'>

export const adminClient = async (lab: Cluster): Promise<ApiClient> =>
  openApiClient({ config: await loadKubeconfig({ path: lab.kubeconfig }), userAgent: 'weft-test', log: silentLog() })

/** Runs kubectl until its output satisfies; fails with the last output. */
export async function until(lab: Cluster, args: readonly string[], satisfied: (output: string) => boolean, timeoutMs = 60_000): Promise<string> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const output = await lab.kubectl(...args).catch((error: Error) => error.message)
    if (satisfied(output)) return output
    if (performance.now() > end) throw new Error(`kubectl ${args.join(' ')}: not within ${timeoutMs} ms; last output:\n${output}`)
  }
}

let manifests = 0

/** Creates from a manifest, as a person would. */
export async function create(lab: Cluster, ...objects: readonly object[]): Promise<void> {
  const file = lab.path(`manifest-${manifests++}.json`)
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  await lab.kubectl('create', '--validate=false', '-f', file)
}
