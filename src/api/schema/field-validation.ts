// `fieldValidation=Ignore|Warn|Strict`: what becomes of unknown and duplicate fields (KEP-2885).

import { badRequest, type StatusError } from '../status/status.ts'

export const FIELD_VALIDATIONS = ['Ignore', 'Warn', 'Strict'] as const
export type FieldValidation = (typeof FIELD_VALIDATIONS)[number]

/** Upstream stops counting here. */
const MAX_SHOWN = 100

/** Answers warnings under Warn, throws 400 under Strict. */
export function judgeFields(
  { unknownFields, duplicateFields }: Readonly<{ unknownFields: readonly string[]; duplicateFields: readonly string[] }>,
  validation: FieldValidation, kind: Readonly<{ version: string; kind: string }>,
): readonly string[] {
  const problems = [
    ...duplicateFields.map(path => `duplicate field ${JSON.stringify(path)}`), ...unknownFields.map(path => `unknown field ${JSON.stringify(path)}`),
  ].slice(0, MAX_SHOWN)
  if (validation === 'Ignore' || problems.length === 0) return []
  if (validation === 'Strict') throw cannotHandle(kind, `strict decoding error: ${problems.join(', ')}`)
  return problems
}

/** 400 in the words that every decoding problem has. */
export const cannotHandle = ({ version, kind }: Readonly<{ version: string; kind: string }>, why: string): StatusError =>
  badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${why}`)
