// The sample workload: echo pods on different hosts behind a Service of type NodePort.

import type { Pod, Service } from 'kubernetes-types/core/v1.js'
import type { HostPlan } from '../cluster-plan.ts'

export const SAMPLE_NAMESPACE = 'default'
export const SAMPLE_NAME = 'echo'
const LABELS = { app: SAMPLE_NAME }
/** The echo server's ports. */
export const HTTP_PORT = 8080
const LINE_PORT = 9000
/** Enough to see a Service spread its connections; more pods on more hosts would show nothing new. */
const MAX_PODS = 3
const MIN_PODS = 2

/** One pod per host, on up to three hosts; two where there is but one host. */
export function samplePods(hosts: readonly HostPlan[]): readonly Pod[] {
  const count = Math.max(MIN_PODS, Math.min(MAX_PODS, hosts.length))
  return Array.from({ length: count }, (_, index) => samplePod(`${SAMPLE_NAME}-${index + 1}`, hosts[index % hosts.length]!.name))
}

const fromField = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } })

const samplePod = (name: string, nodeName: string): Pod => ({
  metadata: { name, namespace: SAMPLE_NAMESPACE, labels: LABELS },
  spec: {
    nodeName,
    containers: [{
      name: 'echo',
      image: 'weft/echo',
      ports: [{ name: 'http', containerPort: HTTP_PORT }, { name: 'line', containerPort: LINE_PORT }, { name: 'line-udp', containerPort: LINE_PORT, protocol: 'UDP' }],
      env: [{ name: 'POD_NAME', ...fromField('metadata.name') }, { name: 'NODE_NAME', ...fromField('spec.nodeName') }],
    }],
  },
})

export const sampleService = (): Service => ({
  metadata: { name: SAMPLE_NAME, namespace: SAMPLE_NAMESPACE, labels: LABELS },
  spec: {
    type: 'NodePort',
    selector: LABELS,
    ports: [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'line', port: LINE_PORT, targetPort: 'line' },
      { name: 'line-udp', port: LINE_PORT, targetPort: 'line-udp', protocol: 'UDP' },
    ],
  },
})
