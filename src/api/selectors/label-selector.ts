// Label selectors: the text of `-l` and `labelSelector=`, and the LabelSelector object of specs.
// Grammar: k8s.io/apimachinery/pkg/labels/selector.go.

import { labelValue, qualifiedName } from '../metadata/names.ts'
import { isPlainObject } from '../object.ts'
import { badRequest } from '../status/status.ts'

export type LabelOperator = '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<'

export type LabelRequirement = Readonly<{ key: string; operator: LabelOperator; values: readonly string[] }>

/** All requirements must hold; none at all matches everything. */
export type LabelSelector = readonly LabelRequirement[]

/** Parses selector text. Throws 400 `unable to parse requirement: …`. */
export function parseLabelSelector(text: string): LabelSelector {
  return new SelectorParser(text).parse()
}

export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean {
  return selector.every(requirement => matchesRequirement(requirement, labels?.[requirement.key]))
}

function matchesRequirement({ operator, values }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case '=': case 'in': return value !== undefined && values.includes(value)
    case '!=': case 'notin': return value === undefined || !values.includes(value)
    case 'exists': return value !== undefined
    case '!': return value === undefined
    case '>': case '<': {
      if (value === undefined || !INTEGER.test(value)) return false
      return operator === '>' ? BigInt(value) > BigInt(values[0]!) : BigInt(value) < BigInt(values[0]!)
    }
    default: return operator satisfies never
  }
}

/** Canonical text: what `parseLabelSelector` reads back to the same selector. */
export const formatLabelSelector = (selector: LabelSelector): string => selector.map(formatRequirement).join(',')

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists': return key
    case '!': return `!${key}`
    case 'in': case 'notin': return `${key} ${operator} (${[...values].sort().join(',')})`
    default: return `${key}${operator}${values[0] ?? ''}`
  }
}

const OBJECT_OPERATORS: Readonly<Record<string, LabelOperator>> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' }

/**
 * Reads a meta/v1 LabelSelector object. Null or absent matches nothing (answers undefined), `{}` everything,
 * as upstream's LabelSelectorAsSelector. Requirements that are not valid match nothing either.
 */
export function labelSelectorOf(object: unknown): LabelSelector | undefined {
  if (!isPlainObject(object)) return undefined
  const requirements: LabelRequirement[] = []
  if (isPlainObject(object['matchLabels'])) {
    for (const key of Object.keys(object['matchLabels']).sort()) {
      requirements.push({ key, operator: '=', values: [String(object['matchLabels'][key])] })
    }
  }
  for (const expression of Array.isArray(object['matchExpressions']) ? object['matchExpressions'] as unknown[] : []) {
    if (!isPlainObject(expression)) return undefined
    const operator = OBJECT_OPERATORS[String(expression['operator'])]
    if (operator === undefined) return undefined
    const values = Array.isArray(expression['values']) ? expression['values'].map(String) : []
    requirements.push({ key: String(expression['key']), operator, values })
  }
  return requirements
}

/** The selector of a plain map, such as Service.spec.selector. */
export const labelSelectorFromMap = (labels: Readonly<Record<string, string>>): LabelSelector =>
  Object.keys(labels).sort().map(key => ({ key, operator: '=', values: [labels[key]!] }))

const INTEGER = /^[+-]?\d+$/
const SPECIAL = new Set(['=', '!', '(', ')', ',', '>', '<'])
const COMPARISONS: Readonly<Record<string, LabelOperator>> = { '=': '=', '==': '=', '!=': '!=', in: 'in', notin: 'notin', '>': '>', '<': '<' }

const problem = (detail: string): Error => badRequest(`unable to parse requirement: ${detail}`)

class SelectorParser {
  readonly #tokens: readonly string[]
  #position = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  parse(): LabelSelector {
    const requirements: LabelRequirement[] = []
    while (this.#peek() !== '') {
      requirements.push(this.#requirement())
      const next = this.#take()
      if (next === '') break
      if (next !== ',') throw problem(`found '${next}', expected: ',' or 'end of string'`)
      if (this.#peek() === '' || this.#peek() === ',') throw badRequest(`found '${this.#peek()}', expected: identifier after ','`)
    }
    return requirements
  }

  #peek(): string {
    return this.#tokens[this.#position] ?? ''
  }

  #take(): string {
    const token = this.#peek()
    this.#position += 1
    return token
  }

  #requirement(): LabelRequirement {
    const negated = this.#peek() === '!'
    if (negated) this.#take()
    const key = this.#take()
    if (key === '' || SPECIAL.has(key[0]!)) throw problem(`found '${key}', expected: identifier`)
    checkKey(key)
    const next = this.#peek()
    if (negated || next === '' || next === ',') return { key, operator: negated ? '!' : 'exists', values: [] }
    const operator = COMPARISONS[this.#take()]
    if (operator === undefined) throw problem(`found '${next}', expected: in, notin, =, ==, !=, gt, lt`)
    const values = operator === 'in' || operator === 'notin' ? this.#valueSet() : [this.#exactValue()]
    if ((operator === '>' || operator === '<') && !INTEGER.test(values[0]!)) {
      throw problem(`values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`)
    }
    for (const value of values) checkValue(key, value)
    return { key, operator, values }
  }

  #exactValue(): string {
    const next = this.#peek()
    if (next === '' || next === ',') return ''
    if (SPECIAL.has(next[0]!)) throw problem(`found '${next}', expected: identifier`)
    return this.#take()
  }

  #valueSet(): readonly string[] {
    const open = this.#take()
    if (open !== '(') throw problem(`found '${open}' expected: '('`)
    const values = new Set<string>()
    for (;;) {
      const token = this.#peek()
      if (token === ')' || token === ',') values.add('')
      else if (token === '' || SPECIAL.has(token[0]!)) throw problem(`found '${token}', expected: ',', or ')'`)
      else values.add(this.#take())
      const end = this.#take()
      if (end === ')') return [...values].sort()
      if (end !== ',') throw problem(`found '${end}', expected: ',' or ')'`)
    }
  }
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = []
  for (const match of text.matchAll(/\s+|[=!]?=|[!(),<>]|[^\s=!(),<>]+/g)) if (match[0].trim() !== '') tokens.push(match[0])
  return tokens
}

function checkKey(key: string): void {
  const [first] = qualifiedName(key)
  if (first !== undefined) throw problem(`<nil>: Invalid value: ${JSON.stringify(key)}: ${first}`)
}

function checkValue(key: string, value: string): void {
  const [first] = labelValue(value)
  if (first !== undefined) throw problem(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${first}`)
}
