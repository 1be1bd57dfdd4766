// The label and field selector of a list, watch or deletecollection.

import type { ApiObject } from '../../api/object.ts'
import { matchesFields, parseFieldSelector, resolveFieldSelector, selectedName, type FieldSelector } from '../../api/selectors/field-selector.ts'
import { matchesLabels, parseLabelSelector, type LabelSelector } from '../../api/selectors/label-selector.ts'
import { badRequest } from '../../api/status/status.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { Strategy } from '../../api/registry/strategy.ts'

export class Selection {
  readonly labels: LabelSelector
  readonly fields: FieldSelector
  readonly #strategy: Strategy

  constructor(labels: LabelSelector, fields: FieldSelector, strategy: Strategy) {
    this.labels = labels
    this.fields = fields
    this.#strategy = strategy
  }

  get everything(): boolean {
    return this.labels.length === 0 && this.fields.length === 0
  }

  /** The one name that can match, if the selector says so. */
  get name(): string | undefined {
    return selectedName(this.fields)
  }

  matches(object: ApiObject): boolean {
    return matchesLabels(this.labels, object.metadata.labels) && matchesFields(this.fields, object, this.#strategy)
  }
}

/** Reads `labelSelector` and `fieldSelector`; a name in the URL must agree with the selector's. Throws 400. */
export function parseSelection(query: URLSearchParams, resource: ApiResource, strategy: Strategy, urlName: string): Selection {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '')
  const fields = [...resolveFieldSelector(parseFieldSelector(query.get('fieldSelector') ?? ''), resource, strategy)]
  if (urlName !== '') {
    const stated = selectedName(fields)
    if (stated !== undefined && stated !== urlName) throw badRequest(`both the URL and the fieldSelector name an object, and they differ: ${urlName}, ${stated}`)
    if (stated === undefined) fields.push({ field: 'metadata.name', operator: '=', value: urlName })
  }
  return new Selection(labels, fields, strategy)
}
