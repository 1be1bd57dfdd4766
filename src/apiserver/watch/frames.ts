// The lines of a watch stream: {"type":…,"object":…} and a newline.

import type { ApiObject } from '../../api/object.ts'
import { formatGroupVersion, type ApiResource } from '../../api/registry/resource.ts'
import type { Strategy } from '../../api/registry/strategy.ts'
import type { Status } from '../../api/status/status.ts'
import type { Entry } from '../../store/store.ts'
import { wholeBytes } from '../objects/stored-object.ts'
import { partialOf, singleTable, type Rendering } from '../verbs/render.ts'
import type { Selection } from '../verbs/selection.ts'
import type { WatchEvent } from './hub.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** What a change is to someone who sees only what the selection matches: undefined means nothing. */
export function eventTypeFor(event: WatchEvent, resource: ApiResource, selection: Selection): EventType | undefined {
  if (selection.everything) return event.entry === undefined ? 'DELETED' : event.previous === undefined ? 'ADDED' : 'MODIFIED'
  const next = event.object(resource)
  const previous = event.previousObject(resource)
  const now = next !== undefined && selection.matches(next)
  const before = previous !== undefined && selection.matches(previous)
  return now ? (before ? 'MODIFIED' : 'ADDED') : before ? 'DELETED' : undefined
}

const END = Buffer.from('}\n')

/** Makes the lines of one watch. */
export class FrameEncoder {
  readonly #resource: ApiResource
  readonly #strategy: Strategy
  readonly #rendering: Rendering
  readonly #form: string
  readonly #now: () => number
  #columnsSent = false

  constructor(options: Readonly<{ resource: ApiResource; strategy: Strategy; rendering: Rendering; now: () => number }>) {
    this.#resource = options.resource
    this.#strategy = options.strategy
    this.#rendering = options.rendering
    this.#form = `${options.resource.group}/${options.resource.version} ${JSON.stringify(options.rendering)}`
    this.#now = options.now
  }

  /** A live change; shared with every watch of the same form. */
  change(type: EventType, event: WatchEvent): Buffer {
    const deleted = type === 'DELETED'
    const entry = (deleted ? event.previous : event.entry)!
    const first = this.#rendering.kind === 'table' && !this.#columnsSent
    const made = event.frame(`${type} ${first} ${this.#form}`, () => this.#encode(type, entry, () => (deleted ? event.previousObject(this.#resource) : event.object(this.#resource))!))
    this.#columnsSent = true
    return made
  }

  /** An object of the initial state. */
  initial(entry: Entry, decode: () => ApiObject): Buffer {
    return this.#encode('ADDED', entry, decode)
  }

  /** How far the stream has come; `initialEventsEnd` closes the initial state. */
  bookmark(revision: number, options: Readonly<{ initialEventsEnd: boolean }>): Buffer {
    const metadata = { resourceVersion: String(revision), ...(options.initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) }
    return frame('BOOKMARK', this.#bookmarkObject(metadata))
  }

  #bookmarkObject(metadata: object): unknown {
    switch (this.#rendering.kind) {
      case 'object': return { kind: this.#resource.kind, apiVersion: formatGroupVersion(this.#resource), metadata }
      case 'partial': return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${this.#rendering.metaVersion}`, metadata }
      case 'table': return { kind: 'Table', apiVersion: `meta.k8s.io/${this.#rendering.metaVersion}`, metadata, columnDefinitions: null, rows: [] }
      default: return this.#rendering satisfies never
    }
  }

  #encode(type: EventType, entry: Entry, decode: () => ApiObject): Buffer {
    switch (this.#rendering.kind) {
      case 'object': return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), ...wholeBytes(this.#resource, entry), END])
      case 'partial': return frame(type, partialOf(decode(), this.#rendering.metaVersion))
      case 'table': {
        const columns = !this.#columnsSent
        this.#columnsSent = true
        return frame(type, singleTable(decode(), this.#strategy, this.#rendering, { nowMs: this.#now(), columns }))
      }
      default: return this.#rendering satisfies never
    }
  }
}

const frame = (type: string, object: unknown): Buffer => Buffer.from(`${JSON.stringify({ type, object })}\n`)

export const errorFrame = (status: Status): Buffer => frame('ERROR', status)
