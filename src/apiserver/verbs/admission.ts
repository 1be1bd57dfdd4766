// What besides a kind's own rules has a say in a write: allocation of addresses and ports, service accounts of pods, …
// A plug-in may change the draft and adds conditions and changes to the same store transaction.

import type { ApiObject, Draft } from '../../api/object.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { WriteContext } from '../../api/registry/strategy.ts'
import type { Catalog } from '../catalog.ts'
import { joinParts, NO_PARTS, type ObjectStore, type WriteParts } from '../objects/object-store.ts'

export type AdmissionContext = WriteContext & Readonly<{
  dryRun: boolean
  /** "" for the object itself. */
  subresource: string
  signal: AbortSignal
  warn: (text: string) => void
}>

/** Every method may throw a StatusError to refuse. Runs again, on a fresh draft, when the transaction lost a race. With `dryRun` nothing may stay taken. */
export interface AdmissionPlugin {
  create?(draft: Draft, context: AdmissionContext): Promise<WriteParts>
  update?(draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts>
  delete?(old: ApiObject, context: AdmissionContext): Promise<WriteParts>
}

/** What a plug-in looks things up with. */
export type AdmissionParts = Readonly<{ objects: ObjectStore; catalog: Catalog }>

/** The plug-ins of each resource, by "group/plural", in order. */
export type AdmissionTable = Readonly<Record<string, readonly AdmissionPlugin[]>>

export class Admission {
  readonly #table: AdmissionTable

  constructor(table: AdmissionTable) {
    this.#table = table
  }

  create(resource: ApiResource, draft: Draft, context: AdmissionContext): Promise<WriteParts> {
    return this.#run(resource, plugin => plugin.create?.(draft, context))
  }

  update(resource: ApiResource, draft: Draft, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return this.#run(resource, plugin => plugin.update?.(draft, old, context))
  }

  delete(resource: ApiResource, old: ApiObject, context: AdmissionContext): Promise<WriteParts> {
    return this.#run(resource, plugin => plugin.delete?.(old, context))
  }

  async #run(resource: ApiResource, call: (plugin: AdmissionPlugin) => Promise<WriteParts> | undefined): Promise<WriteParts> {
    let parts = NO_PARTS
    try {
      for (const plugin of this.#table[`${resource.group}/${resource.plural}`] ?? []) parts = joinParts(parts, await call(plugin))
    } catch (error) {
      parts.settle?.('failed')
      throw error
    }
    return parts
  }
}
