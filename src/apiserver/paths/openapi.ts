// /openapi/v3 and its documents, one per group version, made when first asked for and kept until the resources change.

import { createHash } from 'node:crypto'
import { openApiV3Document } from '../../api/openapi/v3.ts'
import { groupVersionsOf } from '../../api/discovery/aggregated.ts'
import { notAcceptable } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import type { Exchange } from '../http/exchange.ts'
import { negotiate } from '../http/negotiate.ts'

type Document = Readonly<{ body: Buffer; etag: string }>

const JSON_TYPE = 'application/json'
const ROOT = '/openapi/v3'
const YEAR_SECONDS = 31_536_000

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
    if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return false
    if (negotiate(exchange.headers.accept)?.format !== 'json') throw notAcceptable([JSON_TYPE])
    this.#forgetOld()
    if (path === ROOT) {
      this.#sendRoot(exchange)
      return true
    }
    const name = path.slice(ROOT.length + 1)
    const document = this.#document(name)
    if (document === undefined) return false
    sendDocument(exchange, name, document)
    return true
  }

  #sendRoot(exchange: Exchange): void {
    const paths = Object.fromEntries(groupVersionsOf(this.#catalog.index).map(groupVersion => {
      const name = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`
      return [name, { serverRelativeURL: `${ROOT}/${name}?hash=${this.#document(name)!.etag}` }]
    }))
    const body = Buffer.from(JSON.stringify({ paths }))
    sendWithEtag(exchange, { body, etag: hashOf(body) }, 'no-cache, private')
  }

  #document(name: string): Document | undefined {
    const kept = this.#documents.get(name)
    if (kept !== undefined) return kept
    const [, group = '', version] = /^(?:api|apis\/([^/]+))\/([^/]+)$/.exec(name) ?? []
    if (version === undefined || !this.#catalog.index.hasGroupVersion(group, version)) return undefined
    const body = Buffer.from(JSON.stringify(openApiV3Document(this.#catalog.index, { group, version })))
    const made = { body, etag: hashOf(body) }
    this.#documents.set(name, made)
    return made
  }

  #forgetOld(): void {
    if (this.#generation === this.#catalog.generation) return
    this.#generation = this.#catalog.generation
    this.#documents = new Map()
  }
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

function sendWithEtag(exchange: Exchange, { body, etag }: Document, cacheControl: string, more: Readonly<Record<string, string>> = {}): void {
  const headers = { etag: `"${etag}"`, vary: 'Accept', 'cache-control': cacheControl, ...more }
  if (exchange.headers['if-none-match'] === headers.etag) {
    exchange.start(304, headers)
    exchange.response.end()
  } else {
    exchange.send(200, JSON_TYPE, body, headers)
  }
}
