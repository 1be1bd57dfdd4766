// CustomResourceDefinitions at work: accepts and establishes them, serves their resources, and when one is deleted
// removes its objects first.

import { cloneJson, equalJson, formatTime, type ApiObject, type Draft } from '../../api/object.ts'
import { CLEANUP_FINALIZER, customResourcesOf, isEstablished, specOf, type CustomResource } from '../../api/custom-resources/definition.ts'
import { customStrategy } from '../../api/custom-resources/strategy.ts'
import { BUILTIN_RESOURCES } from '../../api/registry/builtin.ts'
import { ResourceIndex } from '../../api/registry/resource-index.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { Strategy } from '../../api/registry/strategy.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { prefixEnd } from '../../store/store.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { decodeValue } from '../objects/stored-object.ts'
import { mayGo } from '../verbs/update.ts'

type Options = Readonly<{ objects: ObjectStore; catalog: Catalog; clock: Clock; log: Logger }>

/** Objects of a definition that goes, deleted at a time. */
const CHUNK = 200

export class CustomResources {
  readonly #options: Options
  readonly #definitions: ApiResource
  /** What the catalog shows now, by the definition's uid and revision. */
  #served = ''

  constructor(options: Options) {
    this.#options = options
    this.#definitions = options.catalog.builtin('apiextensions.k8s.io', 'customresourcedefinitions')
  }

  /** One pass over all definitions. Throws when a write fails; the next pass makes up for it. */
  async reconcile(all: Iterable<ApiObject>, signal: AbortSignal): Promise<void> {
    const definitions = [...all].sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
    for (const definition of definitions) {
      if (definition.metadata.deletionTimestamp !== undefined) await this.#remove(definition, signal)
      else await this.#establish(definition, definitions, signal)
    }
    this.#serve(definitions.filter(isEstablished))
  }

  /** Names that nobody else has are accepted, and then the definition is established. */
  async #establish(definition: ApiObject, all: readonly ApiObject[], signal: AbortSignal): Promise<void> {
    const conflict = this.#nameConflict(definition, all)
    await this.#options.objects.update(this.#definitions, { namespace: '', name: definition.metadata.name! }, old => {
      const next = cloneJson(old)
      const now = formatTime(this.#options.clock.now())
      const spec = specOf(next)
      const status = (next['status'] ?? {}) as { conditions?: Condition[]; storedVersions?: string[]; acceptedNames?: unknown }
      const accepted = conflict === undefined
      const storage = spec.versions.find(version => version.storage)?.name
      next['status'] = {
        ...status,
        conditions: withConditions(status.conditions ?? [], [
          { type: 'NamesAccepted', status: accepted ? 'True' : 'False', reason: accepted ? 'NoConflicts' : 'NameConflict', message: accepted ? 'no conflicts found' : conflict },
          { type: 'Established', status: accepted || isEstablished(old) ? 'True' : 'False', reason: accepted ? 'InitialNamesAccepted' : 'NotAccepted', message: accepted ? 'the initial names have been accepted' : 'not all names are accepted' },
        ], now),
        acceptedNames: accepted ? spec.names : status.acceptedNames ?? { plural: '', kind: '' },
        storedVersions: [...new Set([...(status.storedVersions ?? []), ...(storage === undefined ? [] : [storage])])],
      }
      next.metadata.finalizers = [...new Set([...(next.metadata.finalizers ?? []), CLEANUP_FINALIZER])]
      return equalJson(next, old) ? { kind: 'unchanged' } : { kind: 'put', object: next }
    }, { signal })
  }

  #nameConflict(definition: ApiObject, all: readonly ApiObject[]): string | undefined {
    const { group, names } = specOf(definition)
    if (BUILTIN_RESOURCES.some(resource => resource.group === group && (resource.plural === names.plural || resource.kind === names.kind))) {
      return `${JSON.stringify(names.plural)} is served by the API server itself`
    }
    const other = all.find(candidate => candidate !== definition && isEstablished(candidate) && specOf(candidate).group === group &&
      (specOf(candidate).names.kind === names.kind || specOf(candidate).names.listKind === names.listKind))
    return other === undefined || isEstablished(definition) ? undefined : `${JSON.stringify(names.kind)} is already in use`
  }

  /** Deletes the definition's objects; the last one takes the finalizer along. */
  async #remove(definition: ApiObject, signal: AbortSignal): Promise<void> {
    if (!(definition.metadata.finalizers ?? []).includes(CLEANUP_FINALIZER)) return
    const { objects, log } = this.#options
    const [custom] = customResourcesOf(definition)
    const left = custom === undefined ? 0 : await this.#deleteObjects(custom.resource, signal)
    if (left > 0) return
    await objects.update(this.#definitions, { namespace: '', name: definition.metadata.name! }, old => {
      const next: Draft = cloneJson(old)
      next.metadata.finalizers = (next.metadata.finalizers ?? []).filter(finalizer => finalizer !== CLEANUP_FINALIZER)
      return mayGo(next) ? { kind: 'delete', object: next } : { kind: 'put', object: next }
    }, { signal })
    log.info({ definition: definition.metadata.name }, 'custom resource definition removed')
  }

  /** Marks or removes every object; answers how many are still held by finalizers of their own. */
  async #deleteObjects(resource: ApiResource, signal: AbortSignal): Promise<number> {
    const { objects, clock } = this.#options
    const prefix = objects.prefix(resource, '')
    let held = 0
    let start = prefix
    for (;;) {
      const { entries, more } = await objects.store.range({ start, end: prefixEnd(prefix), limit: CHUNK }, { signal })
      await Promise.all(entries.map(async entry => {
        const { metadata } = decodeValue(resource, entry)
        const outcome = await objects.update(resource, { namespace: metadata.namespace ?? '', name: metadata.name! }, old => {
          if ((old.metadata.finalizers ?? []).length === 0) return { kind: 'delete', object: old }
          if (old.metadata.deletionTimestamp !== undefined) return { kind: 'unchanged' }
          const next = cloneJson(old)
          next.metadata.deletionTimestamp = formatTime(clock.now())
          next.metadata.deletionGracePeriodSeconds = 0
          return { kind: 'put', object: next }
        }, { signal })
        if (outcome !== undefined && outcome.kind !== 'delete') held += 1
      }))
      if (!more) return held
      start = `${entries.at(-1)!.key}\0`
    }
  }

  #serve(definitions: readonly ApiObject[]): void {
    const served = definitions.map(({ metadata }) => `${metadata.uid}/${metadata.generation}`).join(' ')
    if (served === this.#served) return
    const strategies = new Map<ApiResource, Strategy>()
    for (const definition of definitions) {
      for (const custom of customResourcesOf(definition)) this.#add(strategies, custom, definition)
    }
    this.#options.catalog.replace(new ResourceIndex([...BUILTIN_RESOURCES, ...strategies.keys()]), strategies)
    this.#served = served
  }

  /** A definition that got into the store past validation must not take the others' resources away. */
  #add(strategies: Map<ApiResource, Strategy>, custom: CustomResource, definition: ApiObject): void {
    try {
      strategies.set(custom.resource, customStrategy(custom))
    } catch (err) {
      this.#options.log.warn({ err, definition: definition.metadata.name, version: custom.version.name }, 'custom resource cannot be served: its schema does not compile')
    }
  }
}

type Condition = { type: string; status: string; reason: string; message: string; lastTransitionTime?: string }

/** Sets conditions; the time changes only with the status. */
function withConditions(present: readonly Condition[], wanted: readonly Condition[], now: string): Condition[] {
  const names = new Set(wanted.map(({ type }) => type))
  return [...present.filter(({ type }) => !names.has(type)), ...wanted.map(condition => {
    const before = present.find(({ type }) => type === condition.type)
    return { lastTransitionTime: before?.status === condition.status ? before.lastTransitionTime ?? now : now, ...condition }
  })]
}
