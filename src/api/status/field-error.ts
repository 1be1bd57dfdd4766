// Errors of single fields, in the wording that kubectl prints and tools parse (k8s.io/apimachinery field.Error).

export type FieldErrorReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError'

/** `field` is a path of JSON names ("spec.ports[0].name"); `body` is everything behind "field: ". */
export type FieldError = Readonly<{ reason: FieldErrorReason; field: string; body: string }>

export const required = (field: string, detail = ''): FieldError =>
  ({ reason: 'FieldValueRequired', field, body: detail === '' ? 'Required value' : `Required value: ${detail}` })

export const invalid = (field: string, value: unknown, detail: string): FieldError =>
  ({ reason: 'FieldValueInvalid', field, body: `Invalid value: ${formatValue(value)}${detail === '' ? '' : `: ${detail}`}` })

/** `supported` is shown in the order given; callers sort where upstream sorts. */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  field,
  body: `Unsupported value: ${formatValue(value)}${supported.length === 0 ? '' : `: supported values: ${supported.map(quote).join(', ')}`}`,
})

export const duplicate = (field: string, value: unknown): FieldError =>
  ({ reason: 'FieldValueDuplicate', field, body: `Duplicate value: ${formatValue(value)}` })

export const forbidden = (field: string, detail: string): FieldError =>
  ({ reason: 'FieldValueForbidden', field, body: `Forbidden: ${detail}` })

export const notFound = (field: string, value: unknown): FieldError =>
  ({ reason: 'FieldValueNotFound', field, body: `Not found: ${formatValue(value)}` })

export const tooLong = (field: string, maxBytes: number): FieldError =>
  ({ reason: 'FieldValueTooLong', field, body: `Too long: may not be more than ${maxBytes} bytes` })

export const tooMany = (field: string, actual: number, max: number): FieldError =>
  ({ reason: 'FieldValueTooMany', field, body: `Too many: ${actual}: must have at most ${max} item${max === 1 ? '' : 's'}` })

export const typeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  ({ reason: 'FieldValueTypeInvalid', field, body: `Invalid value: ${formatValue(value)}: ${detail}` })

export const internal = (field: string, detail: string): FieldError =>
  ({ reason: 'InternalError', field, body: `Internal error: ${detail}` })

/** The field may not change; `value` is the new one, which upstream shows. */
export const immutable = (field: string, value: unknown): FieldError => invalid(field, value, 'field is immutable')

/** "field: body", one line of an Invalid message. */
export const formatFieldError = (error: FieldError): string => `${error.field}: ${error.body}`

/** Strings quoted as Go's %q does, numbers and booleans bare, anything else as compact JSON. */
function formatValue(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  return typeof value === 'string' ? quote(value) : JSON.stringify(value)
}

/** Go's %q: JSON's escapes, but other control characters as \x00. */
export const quote = (text: string): string =>
  JSON.stringify(text).replace(/\\u00([0-7][0-9a-f])/g, (_, hex: string) => (hex === '07' ? '\\a' : hex === '0b' ? '\\v' : `\\x${hex}`))
