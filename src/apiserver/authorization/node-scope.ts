// A node's credentials (user system:node:‹name› in group system:nodes) reach only what that node needs, whatever
// RBAC grants to all nodes: its own Node, Lease and CSINode, the pods bound to it, and the secrets, config maps,
// claims and service accounts that these pods name. Upstream: the node authorizer and NodeRestriction.

import type { PodSpec } from 'kubernetes-types/core/v1.d.ts'
import type { ApiObject } from '../../api/object.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import { forbiddenRequest } from '../../api/status/status.ts'
import { prefixEnd } from '../../store/store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { decodeValue } from '../objects/stored-object.ts'
import type { ResourceAttributes } from './attributes.ts'

const PREFIX = 'system:node:'
const GROUP = 'system:nodes'
const NODE_LEASES = 'kube-node-lease'

/** The node that a user is; undefined for everybody else. */
export const nodeOf = ({ username, groups }: UserInfo): string | undefined =>
  (username.startsWith(PREFIX) && groups.includes(GROUP) ? username.slice(PREFIX.length) : undefined)

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

export class NodeScope {
  readonly #objects: ObjectStore
  readonly #pods: ApiResource

  constructor({ objects, pods }: Readonly<{ objects: ObjectStore; pods: ApiResource }>) {
    this.#objects = objects
    this.#pods = pods
  }

  /** Throws 403 when a node asks for what is not its own. What the body says is `checkBody`'s part. */
  async check(attributes: ResourceAttributes, signal: AbortSignal): Promise<void> {
    const node = nodeOf(attributes.user)
    if (node === undefined) return
    const { group, plural, name, namespace, verb, subresource } = attributes
    const refuse = (why: string): never => { throw forbiddenRequest({ group, plural }, name, why) }
    const key = group === '' ? plural : `${group}/${plural}`
    switch (key) {
      case 'nodes':
        // A new node names itself in the body; see checkBody.
        if (WRITES.has(verb) && verb !== 'create' && name !== node) refuse(`node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(name)}`)
        return
      case 'coordination.k8s.io/leases':
        if (namespace !== NODE_LEASES) refuse(`can only access leases in the ${JSON.stringify(NODE_LEASES)} system namespace`)
        if (verb !== 'create' && name !== node) refuse('can only access node lease with the same name as the requesting node')
        return
      case 'storage.k8s.io/csinodes':
        if (verb !== 'create' && name !== node) refuse('can only access CSINode with the same name as the requesting node')
        return
      case 'pods': {
        if (!WRITES.has(verb) || (verb === 'create' && subresource === '')) return
        const pod = name === '' ? undefined : await this.#objects.read(this.#pods, { namespace, name }, { signal })
        // Without a pod the answer is 404, which gives nothing away.
        if (name === '' || (pod !== undefined && specOf(pod.object).nodeName !== node)) refuse(`node ${JSON.stringify(node)} can only ${verb} pods with spec.nodeName set to itself`)
        return
      }
      case 'secrets': case 'configmaps': case 'persistentvolumeclaims': case 'serviceaccounts': {
        if (name === '') refuse('node can only read it by name')
        if (!await this.#isNeeded(node, plural, { namespace, name }, signal)) refuse(`no relationship found between node ${JSON.stringify(node)} and this object`)
        return
      }
      default: return
    }
  }

  async #isNeeded(node: string, plural: string, target: Readonly<{ namespace: string; name: string }>, signal: AbortSignal): Promise<boolean> {
    const prefix = this.#objects.prefix(this.#pods, target.namespace)
    const { entries } = await this.#objects.store.range({ start: prefix, end: prefixEnd(prefix) }, { signal })
    const needle = JSON.stringify(node)
    return entries.some(entry => {
      // Most pods are other nodes': their bytes say so without being parsed.
      if (!entry.value.includes(needle)) return false
      const spec = specOf(decodeValue(this.#pods, entry))
      return spec.nodeName === node && referencesOf(spec)[plural]?.has(target.name) === true
    })
  }
}

/** What a node may not write into an object of its own. Throws 403. */
export function checkNodeBody(user: UserInfo, { group, plural }: Pick<ApiResource, 'group' | 'plural'>, object: ApiObject): void {
  const node = nodeOf(user)
  if (node === undefined) return
  const name = object.metadata.name ?? ''
  if (group === '' && plural === 'nodes' && name !== node) throw forbiddenRequest({ group, plural }, name, `node ${JSON.stringify(node)} is not allowed to create node ${JSON.stringify(name)}`)
  if (group === 'coordination.k8s.io' && name !== node) throw forbiddenRequest({ group, plural }, name, 'can only access node lease with the same name as the requesting node')
  if (group === 'storage.k8s.io' && plural === 'csinodes' && name !== node) throw forbiddenRequest({ group, plural }, name, 'can only access CSINode with the same name as the requesting node')
  if (group === '' && plural === 'pods') {
    if (object.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) throw forbiddenRequest({ group, plural }, name, `pod does not have "kubernetes.io/config.mirror" annotation, node ${JSON.stringify(node)} can only create mirror pods`)
    if (specOf(object).nodeName !== node) throw forbiddenRequest({ group, plural }, name, `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`)
  }
}

const specOf = (pod: ApiObject): PodSpec => (pod['spec'] ?? { containers: [] }) as PodSpec

/** Names that a pod's spec refers to, by plural. */
function referencesOf(spec: PodSpec): Readonly<Record<string, ReadonlySet<string>>> {
  const found = { secrets: new Set<string>(), configmaps: new Set<string>(), persistentvolumeclaims: new Set<string>(), serviceaccounts: new Set<string>() }
  const add = (set: Set<string>, name: string | undefined): void => { if (name !== undefined && name !== '') set.add(name) }
  add(found.serviceaccounts, spec.serviceAccountName)
  for (const { name } of spec.imagePullSecrets ?? []) add(found.secrets, name)
  for (const volume of spec.volumes ?? []) {
    add(found.secrets, volume.secret?.secretName)
    add(found.configmaps, volume.configMap?.name)
    add(found.persistentvolumeclaims, volume.persistentVolumeClaim?.claimName)
    for (const source of volume.projected?.sources ?? []) {
      add(found.secrets, source.secret?.name)
      add(found.configmaps, source.configMap?.name)
    }
  }
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    for (const { secretRef, configMapRef } of container.envFrom ?? []) {
      add(found.secrets, secretRef?.name)
      add(found.configmaps, configMapRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      add(found.secrets, valueFrom?.secretKeyRef?.name)
      add(found.configmaps, valueFrom?.configMapKeyRef?.name)
    }
  }
  return found
}
