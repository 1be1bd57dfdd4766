// Checks of single values that many kinds need.

import { invalid, notSupported, required, type FieldError } from '../status/field-error.ts'

/** A value of a closed set, shown in the order given; `needed` refuses an absent one. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[], { needed = false } = {}): readonly FieldError[] {
  if (value === undefined || value === '') return needed ? [required(field)] : []
  return supported.includes(value) ? [] : [notSupported(field, value, supported)]
}

export const isPortNumber = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535

export const portNumber = (field: string, value: number | undefined): readonly FieldError[] =>
  isPortNumber(value) ? [] : [invalid(field, value ?? 0, 'must be between 1 and 65535, inclusive')]

export const nonNegative = (field: string, value: number | undefined): readonly FieldError[] =>
  (value ?? 0) < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : []

export const TRANSPORT_PROTOCOLS = ['SCTP', 'TCP', 'UDP'] as const

/** A count ≥ 0 or "25%". */
export function numberOrPercent(field: string, value: number | string | undefined): readonly FieldError[] {
  if (value === undefined) return []
  if (typeof value === 'number') return nonNegative(field, value)
  if (!/^[0-9]+%$/.test(value)) return [invalid(field, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")]
  return Number.parseInt(value, 10) > 100 ? [invalid(field, value, 'must not be greater than 100%')] : []
}
