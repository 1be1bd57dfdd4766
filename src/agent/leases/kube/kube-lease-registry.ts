// The leases on Kubernetes Nodes, for an administrator. Releasing takes an agent's annotations off; the pod CIDR is Kubernetes' own.

import type { Node } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../../../client/api-client.ts'
import { NODES } from '../../../client/resources.ts'
import { formatAddress } from '../../../net/ip/address.ts'
import { formatSubnets } from '../lease.ts'
import { leaseAbsent, type LeaseEntry, type LeaseRegistry } from '../lease-registry.ts'
import { entriesOf } from '../per-family.ts'
import { leaseOfNode, publishedNames, type AnnotationNames } from './annotations.ts'

export class KubeLeaseRegistry implements LeaseRegistry {
  readonly #client: ApiClient
  readonly #names: AnnotationNames

  constructor(client: ApiClient, names: AnnotationNames) {
    this.#client = client
    this.#names = names
  }

  async list({ signal }: { signal: AbortSignal }): Promise<readonly LeaseEntry[]> {
    const { items } = await this.#client.listAll(NODES, { signal })
    return items.filter(node => this.#isLease(node)).map(node => this.#describe(node))
  }

  #isLease(node: Node): boolean {
    return node.metadata?.annotations?.[this.#names.marker] !== undefined
  }

  #describe(node: Node): LeaseEntry {
    const name = node.metadata!.name!
    const base = { name, subnets: node.spec?.podCIDRs?.join(', ') ?? '-', publicIps: '-', backend: '-', host: name, expires: 'with its Node', problem: undefined }
    try {
      const lease = leaseOfNode(node, this.#names)
      if (lease === undefined) return { ...base, problem: 'has no pod CIDR' }
      const { publicIps, backendType } = lease.attributes
      return { ...base, subnets: formatSubnets(lease.subnets), publicIps: entriesOf(publicIps).map(([, address]) => formatAddress(address)).join(', '), backend: backendType || '-' }
    } catch (error) {
      return { ...base, problem: (error as Error).message }
    }
  }

  async release(name: string, { signal }: { signal: AbortSignal }): Promise<void> {
    const { items } = await this.#client.listAll(NODES, { signal })
    const node = items.find(candidate => candidate.metadata?.name === name)
    if (node === undefined || !this.#isLease(node)) throw leaseAbsent(name)
    const mine = publishedNames(this.#names).filter(annotation => node.metadata?.annotations?.[annotation] !== undefined)
    await this.#client.patch(NODES, { name }, { type: 'strategic', body: { metadata: { annotations: Object.fromEntries(mine.map(annotation => [annotation, null])) } } }, { subresource: 'status', signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }
}
