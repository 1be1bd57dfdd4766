// The bytes of an object as they lie in the store, and as they go to clients.
//
// Values are JSON that begins {"kind":…,"apiVersion":…,"metadata":{ without resourceVersion. So lists and watch
// events are made by splicing the revision in behind that prefix: no parsing, no re-serialising. Values that begin
// otherwise, because another server wrote them, and versions that are not the stored one take the long way.

import type { ApiObject } from '../../api/object.ts'
import { formatGroupVersion, type ApiResource } from '../../api/registry/resource.ts'
import { strategyOf } from '../../api/strategies/index.ts'
import { decodeProtobuf, isProtobuf } from '../../api/protobuf/decode.ts'
import { decodeObjectOf } from '../../api/schema/decode-object.ts'
import { StoreError, type Entry } from '../../store/store.ts'
import { fromStorage, isStoredAsServed, toStorage, upgradeForeign } from './conversion.ts'

/** What of an entry an object is made of. */
export type StoredValue = Pick<Entry, 'value' | 'modRevision'>

/** An object with the store entry it came from. */
export type StoredObject = Readonly<{ object: ApiObject; entry: Entry }>

type Forms = Readonly<{
  /** `{"kind":"Service","apiVersion":"v1",` */
  typeHead: string
  /** What every value of ours begins with: the type and `"metadata":{`. */
  prefix: Buffer
  sameVersion: boolean
}>

const METADATA = '"metadata":{'
const FORMS = new WeakMap<ApiResource, Forms>()

function formsOf(resource: ApiResource): Forms {
  let forms = FORMS.get(resource)
  if (forms === undefined) {
    const typeHead = `{"kind":${JSON.stringify(resource.storage.kind.kind)},"apiVersion":${JSON.stringify(formatGroupVersion(resource.storage.kind))},`
    forms = { typeHead, prefix: Buffer.from(typeHead + METADATA), sameVersion: isStoredAsServed(resource) }
    FORMS.set(resource, forms)
  }
  return forms
}

/** The value of an object; resourceVersion and selfLink stay out of it. */
export function encodeValue(resource: ApiResource, object: ApiObject): Buffer {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = formsOf(resource).sameVersion ? object : toStorage(resource, object)
  const { resourceVersion: _resourceVersion, selfLink: _selfLink, ...kept } = metadata
  return Buffer.from(JSON.stringify({ kind: resource.storage.kind.kind, apiVersion: formatGroupVersion(resource.storage.kind), metadata: kept, ...rest }))
}

/** Parses an entry into the resource's version; the object carries the entry's revision. */
export function decodeValue(resource: ApiResource, { value, modRevision }: StoredValue): ApiObject {
  const { sameVersion, prefix } = formsOf(resource)
  const ours = startsWith(value, prefix)
  const stored = ours ? JSON.parse(value.toString()) as ApiObject : upgradeForeign(resource, parseValue(resource, value))
  const object = sameVersion ? stored : fromStorage(resource, stored)
  object.metadata.resourceVersion = String(modRevision)
  // Written by another server, perhaps an older one: what it left out is filled in.
  if (!ours) strategyOf(resource).applyDefaults(object)
  return object
}

/** JSON as we write it, or what upstream writes: protobuf for the kinds that have it. Throws StoreError. */
function parseValue(resource: ApiResource, value: Buffer): ApiObject {
  if (!isProtobuf(value)) return JSON.parse(value.toString()) as ApiObject
  const decoded = decodeProtobuf(value)
  if (decoded !== undefined) return decodeObjectOf(decoded, resource.storage.kind).object
  throw new StoreError('STORE_VALUE_UNKNOWN', `a ${resource.kind} was stored by another server in a form that is not known here: have that server write it as JSON (--storage-media-type=application/json)`, { resource: resource.plural })
}

/** An object as JSON in two parts, to be written one after the other. */
export type Parts = readonly [Buffer, Buffer]

/** The whole object. */
export function wholeBytes(resource: ApiResource, entry: StoredValue): Parts {
  const { typeHead, prefix, sameVersion } = formsOf(resource)
  if (!sameVersion || !startsWith(entry.value, prefix)) return [Buffer.from(JSON.stringify(decodeValue(resource, entry))), EMPTY]
  return [Buffer.from(`${typeHead}${METADATA}"resourceVersion":"${entry.modRevision}",`), entry.value.subarray(prefix.length)]
}

/** The same without kind and apiVersion, as items of typed lists are. */
export function itemBytes(resource: ApiResource, entry: StoredValue): Parts {
  const { prefix, sameVersion } = formsOf(resource)
  if (!sameVersion || !startsWith(entry.value, prefix)) {
    const { apiVersion: _apiVersion, kind: _kind, ...item } = decodeValue(resource, entry)
    return [Buffer.from(JSON.stringify(item)), EMPTY]
  }
  return [Buffer.from(`{${METADATA}"resourceVersion":"${entry.modRevision}",`), entry.value.subarray(prefix.length)]
}

const EMPTY = Buffer.alloc(0)

const startsWith = (value: Buffer, prefix: Buffer): boolean => value.length > prefix.length && value.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
