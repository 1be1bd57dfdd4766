// Where a node's kubelet listens, and what this server shows it.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import { internalError, notFoundObject } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { Target } from './forward.ts'

export type KubeletOptions = Readonly<{
  /** Types of node addresses, the one to try first in front (kube-apiserver's --kubelet-preferred-address-types). */
  addressTypes: readonly string[]
  /** What this server identifies itself with, PEM; absent: kubelets take it for anonymous. */
  certificatePem: string | undefined
  privateKeyPem: string | undefined
  /** Authorities of kubelets' certificates, PEM; absent: any certificate is taken, as upstream does. */
  authorityPem: string | undefined
}>

/** kubelet's --port; nodes say when theirs is another. */
const KUBELET_PORT = 10_250

export class Kubelets {
  readonly #options: KubeletOptions
  readonly #objects: ObjectStore
  readonly #catalog: Catalog

  constructor({ options, objects, catalog }: Readonly<{ options: KubeletOptions; objects: ObjectStore; catalog: Catalog }>) {
    this.#options = options
    this.#objects = objects
    this.#catalog = catalog
  }

  /** Throws 404 when there is no such node, 500 when it has no address. */
  async locate(node: string, path: string, signal: AbortSignal): Promise<Target> {
    const resource = this.#catalog.builtin('', 'nodes')
    const found = await this.#objects.read(resource, { namespace: '', name: node }, { signal })
    if (found === undefined) throw notFoundObject(resource, node)
    const { addresses = [], daemonEndpoints } = (found.object as unknown as Node).status ?? {}
    const { addressTypes, certificatePem, privateKeyPem, authorityPem } = this.#options
    const address = addressTypes.flatMap(type => addresses.filter(candidate => candidate.type === type))[0]
    if (address === undefined) throw internalError(`no preferred addresses found; known addresses: ${JSON.stringify(addresses)}`)
    return {
      protocol: 'https', host: address.address, port: daemonEndpoints?.kubeletEndpoint?.Port || KUBELET_PORT, path,
      tls: {
        rejectUnauthorized: authorityPem !== undefined, ...(authorityPem === undefined ? {} : { ca: authorityPem }),
        ...(certificatePem === undefined || privateKeyPem === undefined ? {} : { cert: certificatePem, key: privateKeyPem }),
      },
    }
  }
}
