// Reads JSON objects the way Go's encoding/json fills a struct, since files written for flanneld are
// read here: member names match without regard to case, unknown members are ignored, the last of
// several wins, null leaves a scalar at its default (encoding/json, func Unmarshal).

import { InputError } from '../../ops/errors.ts'

/** A JSON object with a path for error messages ("Backend.VNI"). */
export class GoObject {
  readonly path: string
  readonly #members: ReadonlyMap<string, unknown>

  constructor(path: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InputError(path || 'network configuration', value, 'is not a JSON object')
    this.path = path
    this.#members = new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]))
  }

  /** The member's full name, as messages show it. */
  field(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  /** The raw value; null counts as absent. */
  get(name: string): unknown {
    return this.#members.get(name.toLowerCase()) ?? undefined
  }

  boolean(name: string, whenAbsent: boolean): boolean {
    const value = this.get(name) ?? whenAbsent
    if (typeof value !== 'boolean') throw new InputError(this.field(name), value, 'is not true or false')
    return value
  }

  string(name: string): string | undefined {
    const value = this.get(name)
    if (value !== undefined && typeof value !== 'string') throw new InputError(this.field(name), value, 'is not a string')
    return value
  }

  /** A whole number within the closed range, or undefined. */
  integer(name: string, range: Readonly<{ min: number; max: number }>): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < range.min || value > range.max) {
      throw new InputError(this.field(name), value, `is not a whole number between ${range.min} and ${range.max}`)
    }
    return value
  }

  object(name: string): GoObject | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : new GoObject(this.field(name), value)
  }
}

/** Parses text that must hold one JSON object. `field` names the file or key for the message. */
export function parseGoObject(text: string, field: string): GoObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new InputError(field, text.slice(0, 200), `is not JSON (${(cause as Error).message})`, { cause })
  }
  return new GoObject('', value)
}
