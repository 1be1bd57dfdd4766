// Objects that the server itself writes take the same way as a client's: defaults, validation, allocation, store.

import { cloneJson, type ApiObject, type Draft } from '../api/object.ts'
import { alreadyExists, StatusError } from '../api/status/status.ts'
import { beginCreate, beginUpdate, finishCreate } from '../api/registry/write.ts'
import type { ApiResource } from '../api/registry/resource.ts'
import type { Catalog } from './catalog.ts'
import { joinParts } from './objects/object-store.ts'
import { writeContext, type Serving } from './verbs/call.ts'

/** The user under which the server's own writes run. */
const SYSTEM_USER = { username: 'system:apiserver', groups: ['system:masters'] } as const

type ObjectName = Readonly<{ namespace: string; name: string }>

export class InternalClient {
  readonly #serving: Serving
  readonly #catalog: Catalog

  constructor(serving: Serving, catalog: Catalog) {
    this.#serving = serving
    this.#catalog = catalog
  }

  async get(resource: ApiResource, name: ObjectName, signal: AbortSignal): Promise<ApiObject | undefined> {
    return (await this.#serving.objects.read(resource, name, { signal }))?.object
  }

  /** Throws 409 AlreadyExists, like any create. */
  async create(resource: ApiResource, draft: Draft, signal: AbortSignal): Promise<ApiObject> {
    const { objects, admission, namespaceGuard } = this.#serving
    const strategy = this.#catalog.strategy(resource)
    const context = writeContext({ serving: this.#serving, user: SYSTEM_USER })
    beginCreate({ resource, strategy }, draft, { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name ?? '' }, context)
    const guard = await namespaceGuard.check(resource, draft, signal)
    const admitted = await admission.create(resource, draft, { ...context, dryRun: false, subresource: '', signal, warn: () => undefined })
    try {
      finishCreate({ resource, strategy }, draft)
    } catch (error) {
      admitted.settle?.('failed')
      throw error
    }
    const outcome = await objects.insert(resource, draft, { parts: joinParts(guard, admitted) }, { signal })
    if (outcome.kind === 'inserted') return outcome.object
    throw alreadyExists(resource, draft.metadata.name!)
  }

  /** Makes the stored object say what `wanted` says, unless it `holds` that already. */
  async put(resource: ApiResource, wanted: Draft, holds: (stored: ApiObject, wanted: Draft) => boolean, signal: AbortSignal): Promise<void> {
    if (await this.ensure(resource, cloneJson(wanted), signal) === 'created') return
    const strategy = this.#catalog.strategy(resource)
    const name = { namespace: wanted.metadata.namespace ?? '', name: wanted.metadata.name! }
    await this.#serving.objects.update(resource, name, old => {
      if (holds(old, wanted)) return { kind: 'unchanged' }
      const draft = { ...cloneJson(wanted), metadata: { ...old.metadata, labels: { ...old.metadata.labels, ...wanted.metadata.labels } } }
      beginUpdate({ resource, strategy }, draft, old, name, '', writeContext({ serving: this.#serving, user: SYSTEM_USER }))
      return { kind: 'put', object: draft }
    }, { signal })
  }

  /** Creates it unless it is there. */
  async ensure(resource: ApiResource, draft: Draft, signal: AbortSignal): Promise<'created' | 'present'> {
    const name = { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name! }
    if (await this.get(resource, name, signal) !== undefined) return 'present'
    try {
      await this.create(resource, draft, signal)
      return 'created'
    } catch (error) {
      if (error instanceof StatusError && error.body.reason === 'AlreadyExists') return 'present'
      throw error
    }
  }
}
