// The label that tells the pods of one template from those of another. Pure.

import { createHash } from 'node:crypto'
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.js'
import { equalJson } from '../../api/object.ts'

export const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/** Kubernetes' alphabet for generated names: no vowels, so no words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const LENGTH = 10

/** Ten characters; `collisions` makes another of the same template when the first name was taken. */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  const digest = createHash('sha256').update(`${collisions}\n${canonical(template)}`).digest()
  return Array.from(digest.subarray(0, LENGTH), byte => ALPHABET[byte % ALPHABET.length]).join('')
}

/** Two templates that differ at most in the hash label. */
export const sameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean => equalJson(withoutHash(a), withoutHash(b))

export function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
  if (template?.metadata?.labels?.[TEMPLATE_HASH_LABEL] === undefined) return template ?? {}
  const { [TEMPLATE_HASH_LABEL]: _hash, ...labels } = template.metadata.labels
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** JSON with sorted keys: equal values give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, field]) => field !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
}
