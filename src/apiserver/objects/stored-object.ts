// The bytes of an object as they lie in the store, and as they go to clients.
//
// Values are JSON that begins {"kind":…,"apiVersion":…,"metadata":{ without resourceVersion. So lists and watch
// events are made by splicing the revision in behind that prefix: no parsing, no re-serialising.

import type { ApiObject } from '../../api/object.ts'
import { formatGroupVersion, type ApiResource } from '../../api/registry/resource.ts'
import type { Entry } from '../../store/store.ts'

/** An object with the store entry it came from. */
export type StoredObject = Readonly<{ object: ApiObject; entry: Entry }>

const METADATA = '"metadata":{'

/** The value of an object; resourceVersion and selfLink stay out of it. */
export function encodeValue(resource: ApiResource, object: ApiObject): Buffer {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = object
  const { resourceVersion: _resourceVersion, selfLink: _selfLink, ...kept } = metadata
  return Buffer.from(JSON.stringify({ kind: resource.storage.kind.kind, apiVersion: formatGroupVersion(resource.storage.kind), metadata: kept, ...rest }))
}

/** Parses an entry; the object carries the entry's revision. */
export function decodeValue(entry: Entry): ApiObject {
  const object = JSON.parse(entry.value.toString()) as ApiObject
  object.metadata.resourceVersion = String(entry.modRevision)
  return object
}

/** Where the splice goes, for one resource. */
export class ObjectBytes {
  /** `{"kind":"Service","apiVersion":"v1",` */
  readonly #typeHead: string
  readonly #spliceAt: number

  constructor(resource: ApiResource) {
    this.#typeHead = `{"kind":${JSON.stringify(resource.storage.kind.kind)},"apiVersion":${JSON.stringify(formatGroupVersion(resource.storage.kind))},`
    this.#spliceAt = Buffer.byteLength(this.#typeHead) + METADATA.length
  }

  /** The whole object as JSON in two parts, to be written one after the other. */
  whole(value: Buffer, revision: number): readonly [Buffer, Buffer] {
    return [
      Buffer.from(`${this.#typeHead}${METADATA}"resourceVersion":"${revision}",`),
      value.subarray(this.#spliceAt),
    ]
  }

  /** The same without kind and apiVersion, as items of typed lists are. */
  item(value: Buffer, revision: number): readonly [Buffer, Buffer] {
    return [Buffer.from(`{${METADATA}"resourceVersion":"${revision}",`, 'latin1'), value.subarray(this.#spliceAt)]
  }
}
