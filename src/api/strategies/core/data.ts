// v1 ConfigMap and Secret.

import type { ConfigMap, Secret } from 'kubernetes-types/core/v1.d.ts'
import { configMapKey } from '../../metadata/names.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { duplicate, forbidden, immutable, invalid, required, tooLong, type FieldError } from '../../status/field-error.ts'
import { CONFIG_MAP_TABLE, SECRET_TABLE } from '../../tables/core.ts'

const MAX_DATA_BYTES = 1024 * 1024
const IMMUTABLE = 'field is immutable when `immutable` is set'
const SERVICE_ACCOUNT_NAME = 'kubernetes.io/service-account.name'

export const configMapStrategy = (base: Strategy): Strategy => ({
  ...base,
  validateCreate: validateConfigMap,
  update: { ...base.update, validate: (next, old) => [...validateImmutable(next, old, ['data', 'binaryData']), ...validateConfigMap(next)] },
  table: CONFIG_MAP_TABLE,
})

export const secretStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    const secret = draft as unknown as Secret
    secret.type ||= 'Opaque'
    // Plain text that a client writes; readers only ever see `data`.
    if (secret.stringData === undefined) return
    secret.data = { ...secret.data }
    for (const [key, text] of Object.entries(secret.stringData)) secret.data[key] = Buffer.from(text).toString('base64')
    delete secret.stringData
  },
  validateCreate: validateSecret,
  update: {
    ...base.update,
    validate: (next, old) => [
      ...(next['type'] === old['type'] ? [] : [immutable('type', next['type'])]),
      ...validateImmutable(next, old, ['data']), ...validateSecret(next),
    ],
  },
  fieldLabels: ['type'],
  selectableFields: object => ({ type: (object as unknown as Secret).type ?? '' }),
  table: SECRET_TABLE,
})

function validateConfigMap(object: ApiObject): readonly FieldError[] {
  const { data = {}, binaryData = {} } = object as unknown as ConfigMap
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, text] of Object.entries(data)) {
    if (key in binaryData) errors.push(duplicate(`data[${key}]`, key))
    errors.push(...configMapKey(key).map(problem => invalid(`data[${key}]`, key, problem)))
    bytes += Buffer.byteLength(text)
  }
  for (const [key, text] of Object.entries(binaryData)) {
    errors.push(...configMapKey(key).map(problem => invalid(`binaryData[${key}]`, key, problem)))
    bytes += Buffer.byteLength(text, 'base64')
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('', MAX_DATA_BYTES))
  return errors
}

/** Keys that the well-known types need (pkg/apis/core/validation.ValidateSecret). */
const NEEDED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
}

function validateSecret(object: ApiObject): readonly FieldError[] {
  const { data = {}, type = '', metadata } = object as unknown as Secret
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, text] of Object.entries(data)) {
    errors.push(...configMapKey(key).map(problem => invalid(`data[${key}]`, key, problem)))
    bytes += Buffer.byteLength(text, 'base64')
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES))
  for (const key of NEEDED_KEYS[type] ?? []) if (data[key] === undefined) errors.push(required(`data[${key}]`))
  if (type === 'kubernetes.io/service-account-token' && (metadata?.annotations?.[SERVICE_ACCOUNT_NAME] ?? '') === '') {
    errors.push(required(`metadata.annotations[${SERVICE_ACCOUNT_NAME}]`))
  }
  return errors
}

function validateImmutable(next: ApiObject, old: ApiObject, fields: readonly string[]): readonly FieldError[] {
  if (old['immutable'] !== true) return []
  const errors: FieldError[] = []
  if (next['immutable'] !== true) errors.push(forbidden('immutable', IMMUTABLE))
  for (const field of fields) if (!equalJson(next[field] ?? {}, old[field] ?? {})) errors.push(forbidden(field, IMMUTABLE))
  return errors
}
