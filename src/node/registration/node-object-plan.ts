// The Node object as this machine describes it (pure): what kubelet writes when it registers and with every heartbeat.

import type { Node, NodeAddress, NodeCondition, NodeStatus } from 'kubernetes-types/core/v1.js'

/** Facts about the machine, read once. */
export type MachineFacts = Readonly<{
  name: string
  addresses: readonly string[]
  cpus: number
  memoryBytes: number
  diskBytes: number
  /** Go's names: "amd64", "arm64". */
  architecture: string
  kernelVersion: string
  osImage: string
  bootId: string
  machineId: string
  version: string
  maxPods: number
  labels: Readonly<Record<string, string>>
  /** Where logs are to be had; undefined: nowhere. */
  kubeletPort?: number | undefined
}>

/** Why the node cannot run pods; undefined when it can. */
export type Problem = Readonly<{ reason: string; message: string }> | undefined

export const nodeLabels = (facts: MachineFacts): Readonly<Record<string, string>> => ({
  ...facts.labels,
  'kubernetes.io/hostname': facts.name,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': facts.architecture,
})

/**
 * kubelet writes it on every node it registers. flanneld up to 0.28 ends with "assignment to entry in nil map" on a Node
 * without any annotation, so there has to be one.
 */
const NODE_ANNOTATIONS = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } as const

export const planNode = (facts: MachineFacts, problem: Problem, now: string): Node => ({
  metadata: { name: facts.name, labels: { ...nodeLabels(facts) }, annotations: { ...NODE_ANNOTATIONS } },
  spec: {},
  status: planNodeStatus(facts, undefined, problem, now),
})

/** The status to write. Conditions and fields of others (NetworkUnavailable, volumes) are kept. */
export function planNodeStatus(facts: MachineFacts, previous: NodeStatus | undefined, problem: Problem, now: string): NodeStatus {
  const resources = { cpu: String(facts.cpus), memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`, 'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`, pods: String(facts.maxPods) }
  return {
    ...previous,
    capacity: resources,
    allocatable: resources,
    addresses: [...facts.addresses.map((address): NodeAddress => ({ type: 'InternalIP', address })), { type: 'Hostname', address: facts.name }],
    ...(facts.kubeletPort === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } } }),
    nodeInfo: {
      architecture: facts.architecture, operatingSystem: 'linux', kernelVersion: facts.kernelVersion, osImage: facts.osImage, bootID: facts.bootId,
      machineID: facts.machineId, systemUUID: facts.machineId, containerRuntimeVersion: `weft://${facts.version}`, kubeletVersion: facts.version, kubeProxyVersion: '',
    },
    conditions: conditions(previous?.conditions ?? [], problem, now),
  }
}

const PRESSURES = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'the node has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'the node has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'the node has sufficient PIDs available'],
] as const

function conditions(previous: readonly NodeCondition[], problem: Problem, now: string): NodeCondition[] {
  const ours: NodeCondition[] = PRESSURES.map(([type, reason, message]) => ({ type, status: 'False', reason, message }))
  ours.push(problem === undefined
    ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the node runs pods' }
    : { type: 'Ready', status: 'False', reason: problem.reason, message: problem.message })
  const written = ours.map((condition): NodeCondition => {
    const before = previous.find(({ type }) => type === condition.type)
    const moved = before?.status !== condition.status || before.lastTransitionTime === undefined
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: moved ? now : before.lastTransitionTime! }
  })
  return [...previous.filter(({ type }) => !ours.some(condition => condition.type === type)), ...written]
}

/** True when something other than the heartbeat's time differs: that is written at once, the time alone seldom. */
export function differs(a: NodeStatus, b: NodeStatus): boolean {
  const still = (status: NodeStatus): string => JSON.stringify(sorted({ ...status, conditions: (status.conditions ?? []).map(condition => ({ ...condition, lastHeartbeatTime: '' })) }))
  return still(a) !== still(b)
}

/** Keys in one order, whatever order a server stores them in. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(sorted)
  : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([x], [y]) => (x < y ? -1 : 1)).map(([k, v]) => [k, sorted(v)]))
  : value
