// A JSON object as CNI configurations are read: keys match whatever their case (runtimes written in Go send "HostPort"),
// `null` equals absent, and a wrong type is a decoding failure that names the key.

import { CniError } from '../cni-error.ts'

export class Fields {
  /** Where the object stands in the configuration: "" or "ipam." */
  readonly path: string
  readonly #object: object
  readonly #values: ReadonlyMap<string, unknown>

  constructor(object: object, path = '') {
    this.path = path
    this.#object = object
    const values = new Map<string, unknown>()
    for (const [key, value] of Object.entries(object)) values.set(key.toLowerCase(), value)
    this.#values = values
  }

  /** Names the field in messages. */
  name(key: string): string {
    return `${this.path}${key}`
  }

  /** True when the key stands there at all, `null` included. */
  has(key: string): boolean {
    return this.#values.has(key.toLowerCase())
  }

  raw(key: string): unknown {
    return this.#values.get(key.toLowerCase()) ?? undefined
  }

  /** What stands there besides `known`, keys spelt as they came. */
  others(known: readonly string[]): Readonly<Record<string, unknown>> {
    const lower = new Set(known.map(key => key.toLowerCase()))
    return Object.fromEntries(Object.entries(this.#object).filter(([key]) => !lower.has(key.toLowerCase())))
  }

  string(key: string): string | undefined {
    return this.#typed(key, 'a string', (value): value is string => typeof value === 'string')
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value): value is boolean => typeof value === 'boolean')
  }

  integer(key: string): number | undefined {
    return this.#typed(key, 'an integer', (value): value is number => Number.isSafeInteger(value))
  }

  object(key: string): Fields | undefined {
    const value = this.#typed(key, 'an object', isObject)
    return value === undefined ? undefined : new Fields(value, `${this.name(key)}.`)
  }

  array(key: string): readonly unknown[] | undefined {
    return this.#typed(key, 'a list', (value): value is unknown[] => Array.isArray(value))
  }

  strings(key: string): readonly string[] {
    return (this.array(key) ?? []).map((value, index) => {
      if (typeof value !== 'string') throw wrongType(`${this.name(key)}[${index}]`, 'a string', value)
      return value
    })
  }

  objects(key: string): readonly Fields[] {
    return (this.array(key) ?? []).map((value, index) => {
      if (!isObject(value)) throw wrongType(`${this.name(key)}[${index}]`, 'an object', value)
      return new Fields(value, `${this.name(key)}[${index}].`)
    })
  }

  #typed<T>(key: string, what: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    if (!is(value)) throw wrongType(this.name(key), what, value)
    return value
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const wrongType = (name: string, what: string, value: unknown): CniError =>
  new CniError('CNI_DECODING_FAILURE', `${name}: ${shorten(JSON.stringify(value))} is not ${what}`)

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)
