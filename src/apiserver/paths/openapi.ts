// /openapi/v2 and /openapi/v3: made when first asked for and kept until the resources change.

import { createHash } from 'node:crypto'
import { groupVersionsOf } from '../../api/discovery/aggregated.ts'
import { resourcesOf } from '../../api/openapi/definitions.ts'
import { describeFrom } from '../../api/openapi/descriptions.ts'
import { encodeOpenApiV2, V2_PROTOBUF_ACCEPT, V2_PROTOBUF_TYPE } from '../../api/openapi/v2-protobuf.ts'
import { openApiV2Document } from '../../api/openapi/v2.ts'
import { openApiV3Document, type OpenApiOptions } from '../../api/openapi/v3.ts'
import { SCHEMA_RELEASE } from '../../api/schema/types.ts'
import { notAcceptable } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import type { Exchange } from '../http/exchange.ts'
import { negotiate, parseAccept } from '../http/negotiate.ts'
import { declarationFiles } from './type-prose.ts'

type Document = Readonly<{ body: Buffer; etag: string; contentType: string }>

const JSON_TYPE = 'application/json'
const ROOT = '/openapi/v3'
const V2 = '/openapi/v2'
const YEAR_SECONDS = 31_536_000
/** Part of every tag: to be raised when the making of documents changes. */
const MAKING = 1

export class OpenApi {
  readonly #catalog: Catalog
  #generation = -1
  /** By the path below /openapi/v3: "api/v1", "apis/apps/v1". */
  #documents = new Map<string, Document>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** False when the path is not one of these. */
  serve(exchange: Exchange, path: string): boolean {
    if (path !== V2 && path !== ROOT && !path.startsWith(`${ROOT}/`)) return false
    this.#forgetOld()
    if (path === V2) {
      this.#sendV2(exchange)
      return true
    }
    if (negotiate(exchange.headers.accept)?.format !== 'json') throw notAcceptable([JSON_TYPE])
    if (path === ROOT) {
      this.#sendRoot(exchange)
      return true
    }
    const name = path.slice(ROOT.length + 1)
    const [group, version] = groupVersionOf(name)
    if (version === undefined || !this.#catalog.index.hasGroupVersion(group, version)) return false
    const document = this.#keep(name, this.#tag(name), JSON_TYPE, () =>
      Buffer.from(JSON.stringify(openApiV3Document(this.#catalog.index, { group, version }, this.#options()))))
    sendDocument(exchange, name, document)
    return true
  }

  /** Tags stand for what a document is made of, so that this list does not cost the making of all. */
  #sendRoot(exchange: Exchange): void {
    const paths = Object.fromEntries(groupVersionsOf(this.#catalog.index).map(groupVersion => {
      const name = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`
      return [name, { serverRelativeURL: `${ROOT}/${name}?hash=${this.#tag(name)}` }]
    }))
    const body = Buffer.from(JSON.stringify({ paths }))
    sendWithEtag(exchange, { body, etag: hashOf(body), contentType: JSON_TYPE }, 'no-cache, private')
  }

  #sendV2(exchange: Exchange): void {
    const accept = exchange.headers.accept ?? ''
    const wantsProtobuf = parseAccept(accept).some(({ type, quality }) => quality > 0 && type === V2_PROTOBUF_ACCEPT)
    if (!wantsProtobuf && negotiate(accept)?.format !== 'json') throw notAcceptable([JSON_TYPE, V2_PROTOBUF_ACCEPT])
    const make = (): ReturnType<typeof openApiV2Document> => openApiV2Document(this.#catalog.index, this.#options())
    const document = wantsProtobuf
      ? this.#keep('v2+protobuf', this.#tag('v2+protobuf'), V2_PROTOBUF_TYPE, () => Buffer.from(encodeOpenApiV2(make())))
      : this.#keep('v2', this.#tag('v2'), JSON_TYPE, () => Buffer.from(JSON.stringify(make())))
    sendWithEtag(exchange, document, 'no-cache, private')
  }

  #keep(name: string, etag: string, contentType: string, make: () => Buffer): Document {
    const kept = this.#documents.get(name)
    if (kept !== undefined) return kept
    const made = { body: make(), etag, contentType }
    this.#documents.set(name, made)
    return made
  }

  #tag(name: string): string {
    const [group, version] = groupVersionOf(name)
    const resources = version === undefined ? this.#catalog.index.resources : resourcesOf(this.#catalog.index, { group, version })
    return hashOf(Buffer.from(JSON.stringify([MAKING, SCHEMA_RELEASE, name, resources])))
  }

  #options(): OpenApiOptions {
    return { describe: describeFrom(declarationFiles()) }
  }

  #forgetOld(): void {
    if (this.#generation === this.#catalog.generation) return
    this.#generation = this.#catalog.generation
    this.#documents = new Map()
  }
}

/** "api/v1" and "apis/apps/v1"; no version for anything else. */
function groupVersionOf(name: string): readonly [group: string, version: string | undefined] {
  const [, group = '', version] = /^(?:api|apis\/([^/]+))\/([^/]+)$/.exec(name) ?? []
  return [group, version]
}

const hashOf = (body: Buffer): string => createHash('sha512').update(body).digest('hex').toUpperCase()

/** A document asked for under its hash never changes; under an old hash it has moved. */
function sendDocument(exchange: Exchange, name: string, document: Document): void {
  const hash = exchange.query.get('hash')
  if (hash === null || hash === '') return sendWithEtag(exchange, document, 'no-cache, private')
  if (hash !== document.etag) {
    exchange.start(301, { location: `${ROOT}/${name}?hash=${document.etag}` })
    exchange.response.end()
    return
  }
  sendWithEtag(exchange, document, 'public, immutable', { expires: new Date(Date.now() + YEAR_SECONDS * 1000).toUTCString() })
}

function sendWithEtag(exchange: Exchange, { body, etag, contentType }: Document, cacheControl: string, more: Readonly<Record<string, string>> = {}): void {
  const headers = { etag: `"${etag}"`, vary: 'Accept', 'cache-control': cacheControl, ...more }
  if (exchange.headers['if-none-match'] === headers.etag) {
    exchange.start(304, headers)
    exchange.response.end()
  } else {
    exchange.send(200, contentType, body, headers)
  }
}
