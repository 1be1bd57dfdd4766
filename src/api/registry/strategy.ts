// What distinguishes one kind from another in the life of an object. Strategies are pure: the time, the uid and
// anything random come in with the WriteContext; allocation (cluster IPs, node ports) is planned elsewhere.

import { DEDUCED, shapeOfKind, type Shape } from '../managed-fields/shape.ts'
import type { ApiObject, Draft } from '../object.ts'
import { dns1123Subdomain, type TextRule } from '../metadata/names.ts'
import type { FieldError } from '../status/field-error.ts'
import { DEFAULT_TABLE, type TableLayout } from './table.ts'
import type { ApiResource } from './resource.ts'

export type UserInfo = Readonly<{
  username: string
  uid?: string
  groups: readonly string[]
  extra?: Readonly<Record<string, readonly string[]>>
}>

/** What a write takes from outside. */
export type WriteContext = Readonly<{
  nowMs: number
  /** A fresh UUID; used on create only. */
  uid: string
  /** Five characters of NAME_ALPHABET for generateName and generated parts of an object; fresh for every try. */
  suffix: () => string
  user: UserInfo
}>

/** The rules of one way to change an object: the object itself, or one of its sub-resources. */
export type UpdateRules = Readonly<{
  /** Puts back from `old` what this endpoint may not change. Runs after defaulting, before validation. */
  prepare: (draft: Draft, old: ApiObject, context: WriteContext) => void
  validate: (next: ApiObject, old: ApiObject) => readonly FieldError[]
}>

export type Strategy = Readonly<{
  nameRule: TextRule
  /** Which parts of an object have owners of their own. */
  shape: Shape
  /** Fills server defaults into missing fields. Idempotent; also runs on stored objects when they are read. */
  applyDefaults: (draft: Draft) => void
  /** Clears what a client may not set on create (status), derives what the server owns. Runs before `applyDefaults`. */
  prepareForCreate: (draft: Draft, context: WriteContext) => void
  validateCreate: (object: ApiObject) => readonly FieldError[]
  update: UpdateRules
  /** By sub-resource name. `status` is present for every kind that has one. */
  subresources: Readonly<Record<string, UpdateRules>>
  /** `Warning:` headers for a write that is otherwise fine. */
  warnings: (next: ApiObject, old?: ApiObject) => readonly string[]
  /** Field selector keys besides metadata.name and metadata.namespace; unset fields are ''. */
  selectableFields: (object: ApiObject) => Readonly<Record<string, string>>
  /** Keys of `selectableFields`, to refuse any other; aliases map to the key they mean. */
  fieldLabels: readonly string[]
  fieldLabelAliases: Readonly<Record<string, string>>
  /** Undefined: the kind has no metadata.generation. Otherwise: does this change count? Metadata-only changes usually do not. */
  generationChanges: ((next: ApiObject, old: ApiObject) => boolean) | undefined
  /** PUT of a missing object creates it. */
  createsOnUpdate: boolean
  /** PUT without metadata.resourceVersion is refused (Lease, PodDisruptionBudget). */
  requiresResourceVersion: boolean
  /** DELETE answers the object, not a Status. */
  deleteReturnsObject: boolean
  /** Undefined: deletion is at once. Otherwise seconds of grace for this object, given the period the client asked for. */
  gracePeriodSeconds: ((object: ApiObject, asked: number | undefined) => number) | undefined
  table: TableLayout
}>

const nothing = (): readonly never[] => []

/** For kinds that are stored as they come. Every other strategy is this one with parts replaced. */
export function genericStrategy(resource: ApiResource): Strategy {
  const hasStatus = resource.subresources.some(({ name }) => name === 'status')
  return {
    nameRule: dns1123Subdomain,
    shape: shapeOfKind(resource) ?? DEDUCED,
    applyDefaults: () => {},
    prepareForCreate: draft => { if (hasStatus) delete draft['status'] },
    validateCreate: nothing,
    update: { prepare: (draft, old) => { if (hasStatus) restore(draft, old, 'status') }, validate: nothing },
    subresources: hasStatus ? { status: statusRules({ metadata: ['labels', 'annotations'] }) } : {},
    warnings: nothing,
    selectableFields: () => ({}),
    fieldLabels: [],
    fieldLabelAliases: {},
    generationChanges: undefined,
    createsOnUpdate: false,
    requiresResourceVersion: false,
    deleteReturnsObject: false,
    gracePeriodSeconds: undefined,
    table: DEFAULT_TABLE,
  }
}

/**
 * Rules of /status: everything but `status` comes from the stored object, and of the metadata only what is listed
 * is taken from the client.
 */
export const statusRules = ({ metadata, validate = nothing }: {
  metadata: readonly ('labels' | 'annotations' | 'finalizers')[]
  validate?: UpdateRules['validate']
}): UpdateRules => ({
  prepare: (draft, old) => {
    for (const field of Object.keys({ ...draft, ...old })) {
      if (field !== 'status' && field !== 'metadata') restore(draft, old, field)
    }
    const kept = Object.fromEntries(metadata.map(field => [field, draft.metadata[field]]))
    const { managedFields, resourceVersion } = draft.metadata
    draft.metadata = { ...old.metadata }
    for (const [field, value] of Object.entries({ ...kept, managedFields, resourceVersion })) {
      if (value === undefined) delete (draft.metadata as Record<string, unknown>)[field]
      else Object.assign(draft.metadata, { [field]: value })
    }
  },
  validate,
})

/** Sets a top-level field to what it was, or removes it when it was not there. */
export function restore(draft: Draft, old: ApiObject, field: string): void {
  if (old[field] === undefined) delete draft[field]
  else draft[field] = old[field]
}
