// Puts the sample workload into the cluster and waits until it runs.

import type { Pod } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../client/api-client.ts'
import { PODS, SERVICES } from '../../client/resources.ts'
import { ENDPOINT_SLICES } from '../../client/resources.ts'
import { WeftError } from '../../ops/errors.ts'
import type { HostPlan } from '../cluster-plan.ts'
import { waitFor } from '../../ops/wait-for.ts'
import { SAMPLE_NAME, SAMPLE_NAMESPACE, samplePods, sampleService } from './sample-objects.ts'

export type SamplePod = Readonly<{ name: string; host: string; address: string }>
export type SampleService = Readonly<{ name: string; clusterIp: string; nodePort: number; port: number }>

const TIMEOUT_MS = 60_000

type Options = Readonly<{ hosts: readonly HostPlan[]; signal: AbortSignal }>

/** Creates the objects; the cluster is new, so none of them exists. */
export async function createSample(client: ApiClient, { hosts, signal }: Options): Promise<SampleService> {
  const [service] = await Promise.all([
    client.create(SERVICES, sampleService(), { signal }),
    ...samplePods(hosts).map(pod => client.create(PODS, pod, { signal })),
  ])
  const clusterIp = service.spec?.clusterIP
  const port = service.spec?.ports?.[0]
  if (clusterIp === undefined || port?.nodePort === undefined) {
    throw new WeftError('SAMPLE_FAILED', 'the API server gave the sample Service no cluster IP or no node port', { service: SAMPLE_NAME })
  }
  return { name: SAMPLE_NAME, clusterIp, nodePort: port.nodePort, port: port.port }
}

/** Resolves once every pod is ready and stands behind the Service. */
export function whenSampleRuns(client: ApiClient, { hosts, signal }: Options): Promise<readonly SamplePod[]> {
  const names = samplePods(hosts).map(pod => pod.metadata!.name!)
  return waitFor({
    what: `pods ${names.join(', ')} to be ready`,
    timeoutMs: TIMEOUT_MS,
    signal,
    look: async () => {
      const { items } = await client.list(PODS, { namespace: SAMPLE_NAMESPACE, labelSelector: `app=${SAMPLE_NAME}`, signal })
      const waiting = names.filter(name => !items.some(pod => pod.metadata.name === name && isReady(pod)))
      if (waiting.length > 0) return waiting.map(name => describe(name, items.find(pod => pod.metadata.name === name))).join('; ')
      const slices = await client.list(ENDPOINT_SLICES, { namespace: SAMPLE_NAMESPACE, labelSelector: `kubernetes.io/service-name=${SAMPLE_NAME}`, signal })
      const addresses = new Set(slices.items.flatMap(slice => slice.endpoints.filter(endpoint => endpoint.conditions?.ready !== false).flatMap(endpoint => endpoint.addresses)))
      const pods = items.map(pod => ({ name: pod.metadata.name, host: pod.spec!.nodeName!, address: pod.status!.podIP! }))
      const absent = pods.filter(pod => !addresses.has(pod.address))
      return absent.length > 0 ? `not yet an endpoint: ${absent.map(pod => pod.name).join(', ')}` : { value: pods }
    },
  })
}

const isReady = (pod: Pod): boolean =>
  pod.status?.podIP !== undefined && (pod.status.conditions ?? []).some(condition => condition.type === 'Ready' && condition.status === 'True')

function describe(name: string, pod: Pod | undefined): string {
  if (pod === undefined) return `${name} does not exist`
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting
  return `${name} is ${pod.status?.phase ?? 'new'}${waiting === undefined ? '' : ` (${waiting.reason}: ${waiting.message ?? ''})`}`
}
