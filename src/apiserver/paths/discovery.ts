// /api, /apis and below: what is served, in the aggregated and in the older form.

import { createHash } from 'node:crypto'
import { aggregatedDiscovery, AGGREGATED_CONTENT_TYPE } from '../../api/discovery/aggregated.ts'
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from '../../api/discovery/legacy.ts'
import { notAcceptable, unknownResource } from '../../api/status/status.ts'
import type { Catalog } from '../catalog.ts'
import type { Exchange } from '../http/exchange.ts'
import { acceptsAs, negotiate, OFFERED_TYPES } from '../http/negotiate.ts'
import { sendValue } from '../http/send.ts'

type Half = 'core' | 'groups'

export class Discovery {
  readonly #catalog: Catalog
  readonly #serverAddress: string
  readonly #aggregated = new Map<Half, { generation: number; body: Buffer; etag: string }>()

  constructor(options: Readonly<{ catalog: Catalog; serverAddress: string }>) {
    this.#catalog = options.catalog
    this.#serverAddress = options.serverAddress
  }

  /** False when the path is not one of discovery's. */
  serve(exchange: Exchange, path: string): boolean {
    if (path === '/api' || path === '/apis') {
      const half = path === '/api' ? 'core' : 'groups'
      if (acceptsAs(exchange.headers.accept, { as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2' })) this.#sendAggregated(exchange, half)
      else send(exchange, half === 'core' ? apiVersions(this.#serverAddress) : apiGroupList(this.#catalog.index))
      return true
    }
    const [head, group, version, ...rest] = path.split('/').slice(1)
    if (rest.length > 0) return false
    const document = head === 'api' && group !== undefined && version === undefined ? apiResourceList(this.#catalog.index, '', group)
      : head === 'apis' && group !== undefined ? (version === undefined ? apiGroup(this.#catalog.index, group) : apiResourceList(this.#catalog.index, group, version))
      : undefined
    if (document === undefined && version !== undefined && this.#catalog.index.groups.some(known => known.group === group)) throw unknownResource()
    if (document === undefined) return false
    send(exchange, document)
    return true
  }

  #sendAggregated(exchange: Exchange, half: Half): void {
    const { body, etag } = this.#document(half)
    const headers = { etag, vary: 'Accept', 'cache-control': 'public' }
    if (exchange.headers['if-none-match'] === etag) {
      exchange.start(304, headers)
      exchange.response.end()
    } else {
      exchange.send(200, AGGREGATED_CONTENT_TYPE, body, headers)
    }
  }

  #document(half: Half): { body: Buffer; etag: string } {
    const kept = this.#aggregated.get(half)
    if (kept !== undefined && kept.generation === this.#catalog.generation) return kept
    const body = Buffer.from(JSON.stringify(aggregatedDiscovery(this.#catalog.index, half)))
    const made = { generation: this.#catalog.generation, body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` }
    this.#aggregated.set(half, made)
    return made
  }
}

function send(exchange: Exchange, document: unknown): void {
  const negotiated = negotiate(exchange.headers.accept)
  if (negotiated === undefined) throw notAcceptable(OFFERED_TYPES)
  sendValue(exchange, 200, negotiated.format, document)
}
