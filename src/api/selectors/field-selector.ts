// Field selectors: `fieldSelector=spec.nodeName=n1,status.phase!=Failed`.
// Grammar: k8s.io/apimachinery/pkg/fields/selector.go; which fields exist is the strategy's part.

import type { ApiObject } from '../object.ts'
import type { Strategy } from '../registry/strategy.ts'
import type { ApiResource } from '../registry/resource.ts'
import { badRequest } from '../status/status.ts'

export type FieldRequirement = Readonly<{ field: string; operator: '=' | '!='; value: string }>

/** All requirements must hold. */
export type FieldSelector = readonly FieldRequirement[]

/** Parses selector text; `\,`, `\=` and `\\` are literal. Throws 400. */
export function parseFieldSelector(text: string): FieldSelector {
  return split(text).filter(term => term !== '').map(term => {
    const match = /^((?:[^\\=!]|\\.)*?)(!=|==|=)((?:[^\\]|\\.)*)$/s.exec(term)
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
    const [, field, operator, value] = match as unknown as [string, string, string, string]
    return { field, operator: operator === '!=' ? '!=' : '=', value: unescape(value, text) }
  })
}

export const formatFieldSelector = (selector: FieldSelector): string =>
  selector.map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`).join(',')

/** Replaces aliases and refuses fields that the kind does not offer. Throws 400 in the wording of the kind's group. */
export function resolveFieldSelector(selector: FieldSelector, resource: ApiResource, strategy: Strategy): FieldSelector {
  return selector.map(requirement => {
    const field = strategy.fieldLabelAliases[requirement.field] ?? requirement.field
    const known = field === 'metadata.name' || (field === 'metadata.namespace' && resource.namespaced) || strategy.fieldLabels.includes(field)
    if (!known) throw unsupported(requirement.field, strategy)
    return { ...requirement, field }
  })
}

const unsupported = (field: string, strategy: Strategy): Error => badRequest(strategy.fieldLabels.length > 0
  ? `field label not supported: ${field}`
  : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`)

/** Matches a selector that went through `resolveFieldSelector`. */
export function matchesFields(selector: FieldSelector, object: ApiObject, strategy: Strategy): boolean {
  if (selector.length === 0) return true
  let fields: Readonly<Record<string, string>> | undefined
  return selector.every(({ field, operator, value }) => {
    const actual = field === 'metadata.name' ? object.metadata.name ?? ''
      : field === 'metadata.namespace' ? object.metadata.namespace ?? ''
      : (fields ??= strategy.selectableFields(object))[field] ?? ''
    return (actual === value) === (operator === '=')
  })
}

/** The name a selector pins down (`metadata.name=x`), which authorisation and single-object watches use. */
export const selectedName = (selector: FieldSelector): string | undefined =>
  selector.find(({ field, operator }) => field === 'metadata.name' && operator === '=')?.value

function split(text: string): readonly string[] {
  const terms: string[] = []
  let term = ''
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i]!
    if (character === '\\') {
      term += character + (text[i + 1] ?? '')
      i += 1
    } else if (character === ',') {
      terms.push(term)
      term = ''
    } else {
      term += character
    }
  }
  return [...terms, term]
}

function unescape(value: string, text: string): string {
  if (/(?<!\\)(?:\\\\)*\\(?![\\,=])/.test(value)) throw badRequest(`invalid selector: '${text}'; invalid escape sequence in ${JSON.stringify(value)}`)
  if (/=/.test(value.replace(/\\./gs, ''))) throw badRequest(`invalid selector: '${text}'; invalid field selector: unescaped character in value: =`)
  return value.replace(/\\(.)/gs, '$1')
}
