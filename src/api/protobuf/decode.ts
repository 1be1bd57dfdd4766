// Protobuf bodies: the envelope (magic, runtime.Unknown) and the object in it, as the JSON value that other bodies
// have from the start. Types are checked afterwards, like those of a JSON body.

import { formatMicroTime, formatTime, setOwn, type JsonObject } from '../object.ts'
import { badRequest } from '../status/status.ts'
import { findMessage, messageOfKind, type Message, type MessageField } from './message-table.ts'
import { malformed, readFields, readPackedVarints, signed, type WireField } from './wire.ts'

/** "k8s" and a zero byte. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00] as const
const MAX_DEPTH = 100

/** True for a value that upstream wrote: bodies and stored values alike. */
export const isProtobuf = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte)

/** Decodes a body. Throws 400; answers undefined for a kind that is not known in this form. */
export function decodeProtobuf(bytes: Uint8Array): JsonObject | undefined {
  if (!isProtobuf(bytes)) {
    throw badRequest(`provided data does not appear to be a protobuf message, expected prefix [${MAGIC.join(' ')}]`)
  }
  let apiVersion = ''
  let kind = ''
  let raw: Uint8Array = new Uint8Array()
  for (const field of readFields(bytes.subarray(MAGIC.length))) {
    if (field.kind !== 'bytes') continue
    if (field.number === 1) {
      for (const inner of readFields(field.value)) {
        if (inner.kind !== 'bytes') continue
        if (inner.number === 1) apiVersion = text(inner.value)
        else if (inner.number === 2) kind = text(inner.value)
      }
    } else if (field.number === 2) {
      raw = field.value
    }
  }
  const message = messageOfKind(apiVersion, kind)
  return message === undefined ? undefined : { apiVersion, kind, ...decodeMessage(raw, message, 0) }
}

/** Fields whose content stands in the parent in JSON. */
export const INLINED: ReadonlySet<string> = new Set(['volumeSource', 'handler', 'ephemeralContainerCommon', 'localObjectReference', 'ingressRuleValue', 'persistentVolumeSource', 'rule', 'ruleWithOperations', 'deviceConfiguration'])
const RENAMED: Readonly<Record<string, string>> = { uID: 'uid' }

function decodeMessage(bytes: Uint8Array, message: Message, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw malformed('nested too deeply')
  const result: JsonObject = {}
  for (const wire of readFields(bytes)) {
    const field = message.fields.get(wire.number)
    if (field === undefined) continue
    const name = RENAMED[field.name] ?? field.name
    if (field.shape === 'list') {
      const items = field.type === 'i' && wire.kind === 'bytes' ? readPackedVarints(wire.value).map(toNumber) : [single(wire, field, message, depth)]
      result[name] = [...((result[name] as unknown[] | undefined) ?? []), ...items] as never
    } else if (field.shape === 'map') {
      const map = (result[name] ??= {}) as Record<string, unknown>
      const { key, value } = mapEntry(wire, field, message, depth)
      setOwn(map, key, value)
    } else {
      const value = single(wire, field, message, depth)
      if (INLINED.has(field.name)) Object.assign(result, value)
      else if (field.zero !== 'drop' || !isZero(value)) result[name] = value as never
    }
  }
  for (const field of message.fields.values()) {
    const name = RENAMED[field.name] ?? field.name
    if (field.zero === 'always' && result[name] === undefined && field.shape === 'single') {
      const zero = ZEROS[field.type]
      if (zero !== undefined) result[name] = zero as never
    }
  }
  return result
}

const ZEROS: Readonly<Record<string, unknown>> = { string: '', i: 0, b: false, d: 0 }

const isZero = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0 || value === false ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isZero))

function mapEntry(wire: WireField, field: MessageField, message: Message, depth: number): { key: string; value: unknown } {
  if (wire.kind !== 'bytes') throw malformed(`field ${field.name} is no map entry`)
  let key = ''
  let value: unknown = field.type === 'string' || field.type === 'y' ? '' : undefined
  for (const inner of readFields(wire.value)) {
    if (inner.number === 1 && inner.kind === 'bytes') key = text(inner.value)
    else if (inner.number === 2) value = single(inner, field, message, depth)
  }
  return { key, value: value ?? null }
}

function single(wire: WireField, { name, type }: MessageField, message: Message, depth: number): unknown {
  switch (type) {
    case 'i': return wire.kind === 'varint' ? toNumber(wire.value) : wrongWire(name)
    case 'b': return wire.kind === 'varint' ? wire.value !== 0n : wrongWire(name)
    case 'd': return wire.kind === 'fixed' && wire.value.length === 8 ? new DataView(wire.value.buffer, wire.value.byteOffset, 8).getFloat64(0, true) : wrongWire(name)
    default: break
  }
  if (wire.kind !== 'bytes') return wrongWire(name)
  switch (type) {
    case 'string': return text(wire.value)
    case 'y': return Buffer.from(wire.value).toString('base64')
    case 'Quantity': return firstText(wire.value)
    case 'Time': case 'MicroTime': return decodeTime(wire.value, type)
    case 'IntOrString': return decodeIntOrString(wire.value)
    case 'FieldsV1': case 'RawExtension': return decodeJson(wire.value, name)
    case 'ExtraValue': return [...readFields(wire.value)].flatMap(item => (item.number === 1 && item.kind === 'bytes' ? [text(item.value)] : []))
    default: {
      const inner = findMessage(message.group, type)
      if (inner === undefined) throw new RangeError(`there is no message ${type}`)
      return decodeMessage(wire.value, inner, depth + 1)
    }
  }
}

const wrongWire = (name: string): never => {
  throw malformed(`wrong wire type for field ${name}`)
}

const toNumber = (value: bigint): number => Number(signed(value))

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw malformed('invalid UTF-8')
  }
}

function firstText(bytes: Uint8Array): string {
  for (const field of readFields(bytes)) if (field.number === 1 && field.kind === 'bytes') return text(field.value)
  return '0'
}

/** Seconds and nanoseconds since 1970; an empty message is an unset time. */
function decodeTime(bytes: Uint8Array, type: 'Time' | 'MicroTime'): string | undefined {
  let seconds: number | undefined
  let nanos = 0
  for (const field of readFields(bytes)) {
    if (field.kind !== 'varint') continue
    if (field.number === 1) seconds = toNumber(field.value)
    else if (field.number === 2) nanos = toNumber(field.value)
  }
  if (seconds === undefined && nanos === 0) return undefined
  const epochMs = (seconds ?? 0) * 1000
  if (Math.abs(epochMs) > 8.64e15) throw malformed('time out of range')
  if (type === 'Time') return formatTime(epochMs)
  return `${formatMicroTime(epochMs).slice(0, 20)}${String(Math.trunc(nanos / 1000)).padStart(6, '0')}Z`
}

function decodeIntOrString(bytes: Uint8Array): number | string {
  let isText = false
  let number = 0
  let string = ''
  for (const field of readFields(bytes)) {
    if (field.kind === 'varint' && field.number === 1) isText = field.value === 1n
    else if (field.kind === 'varint' && field.number === 2) number = toNumber(field.value)
    else if (field.kind === 'bytes' && field.number === 3) string = text(field.value)
  }
  return isText ? string : number
}

/** A message whose field 1 holds JSON text. */
function decodeJson(bytes: Uint8Array, name: string): unknown {
  for (const field of readFields(bytes)) {
    if (field.number !== 1 || field.kind !== 'bytes') continue
    try {
      return JSON.parse(text(field.value)) as unknown
    } catch {
      throw malformed(`field ${name} holds no JSON`)
    }
  }
  return undefined
}
