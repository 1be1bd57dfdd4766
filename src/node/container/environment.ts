// A container's environment: env and envFrom of its pod, in Kubernetes' order of precedence.

import type { ConfigMap, Container, EnvVar, EnvFromSource, Pod, Secret } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import { StartError } from '../start-error.ts'
import { expand } from './expand.ts'

/** Reads objects of the pod's own namespace; undefined when there is none. */
export interface ConfigSource {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
}

/** What is known of the pod's place by the time a container starts. */
export type Placement = Readonly<{ nodeName: string; podIPs: readonly string[]; hostIPs: readonly string[] }>

export async function environmentOf(pod: Stored<Pod>, container: Container, placement: Placement, source: ConfigSource): Promise<Readonly<Record<string, string>>> {
  // The two that the sample image and many a script look for; a container that sets them itself wins.
  const env: Record<string, string> = { HOSTNAME: pod.spec?.hostname || pod.metadata.name, POD_NAME: pod.metadata.name, NODE_NAME: placement.nodeName }
  for (const from of container.envFrom ?? []) Object.assign(env, await wholeSource(pod, container, from, source))
  for (const variable of container.env ?? []) {
    const value = await valueOf(pod, container, variable, placement, source)
    if (value !== undefined) env[variable.name] = variable.value === undefined ? value : expand(value, env)
  }
  return env
}

async function wholeSource(pod: Stored<Pod>, container: Container, from: EnvFromSource, source: ConfigSource): Promise<Readonly<Record<string, string>>> {
  const namespace = pod.metadata.namespace ?? ''
  const reference = from.configMapRef ?? from.secretRef
  if (reference === undefined) return {}
  const data = from.configMapRef !== undefined ? (await source.configMap(namespace, reference.name ?? ''))?.data : decoded((await source.secret(namespace, reference.name ?? ''))?.data)
  if (data === undefined) {
    if (reference.optional === true) return {}
    throw missing(container, `${from.configMapRef !== undefined ? 'configmap' : 'secret'} "${reference.name}" not found`)
  }
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [`${from.prefix ?? ''}${key}`, value]))
}

async function valueOf(pod: Stored<Pod>, container: Container, variable: EnvVar, placement: Placement, source: ConfigSource): Promise<string | undefined> {
  const { valueFrom } = variable
  if (valueFrom === undefined) return variable.value ?? ''
  if (valueFrom.fieldRef !== undefined) return fieldOf(pod, container, valueFrom.fieldRef.fieldPath, placement)
  const reference = valueFrom.configMapKeyRef ?? valueFrom.secretKeyRef
  if (reference === undefined) throw missing(container, `env ${variable.name} takes its value from a source that this node does not know: ${Object.keys(valueFrom).join(', ')}`)
  const namespace = pod.metadata.namespace ?? ''
  const kind = valueFrom.configMapKeyRef !== undefined ? 'configmap' : 'secret'
  const data = kind === 'configmap' ? (await source.configMap(namespace, reference.name ?? ''))?.data : decoded((await source.secret(namespace, reference.name ?? ''))?.data)
  const value = data?.[reference.key]
  if (value === undefined && reference.optional !== true) throw missing(container, data === undefined ? `${kind} "${reference.name}" not found` : `couldn't find key ${reference.key} in ${kind} "${reference.name}"`)
  return value
}

/** The downward API's fields (kubernetes.io: "Available fields"). */
function fieldOf(pod: Stored<Pod>, container: Container, path: string, placement: Placement): string {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? []
  if (map !== undefined && key !== undefined) return pod.metadata[map as 'labels' | 'annotations']?.[key] ?? ''
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace ?? '',
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': placement.nodeName,
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? '',
    'status.hostIP': placement.hostIPs[0] ?? '',
    'status.hostIPs': placement.hostIPs.join(','),
    'status.podIP': placement.podIPs[0] ?? '',
    'status.podIPs': placement.podIPs.join(','),
  }
  if (!Object.hasOwn(fields, path)) throw missing(container, `the pod has no field ${path}`)
  return fields[path]!
}

const decoded = (data: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined =>
  data === undefined ? undefined : Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))

const missing = (container: Container, problem: string): StartError =>
  new StartError('CreateContainerConfigError', `container ${container.name}: ${problem}`, { container: container.name })
