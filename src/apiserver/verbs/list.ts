// GET of a collection. Objects are copied from the store to the wire as bytes unless a selector or another
// rendering needs to look inside. Everything that one list shows is the state at one revision.

import type { ApiObject } from '../../api/object.ts'
import { formatGroupVersion } from '../../api/registry/resource.ts'
import { expired } from '../../api/status/status.ts'
import { CompactedError, prefixEnd, type Entry } from '../../store/store.ts'
import { sendPieces, sendValue } from '../http/send.ts'
import { decodeValue, itemBytes, wholeBytes } from '../objects/stored-object.ts'
import type { Call } from './call.ts'
import { decodeContinue, encodeContinue } from './continue-token.ts'
import { parseListOptions, reachRevision, type ListOptions } from './list-options.ts'
import { columnDefinitions, partialOf, renderingOf, tableRow, type Rendering } from './render.ts'
import { parseSelection, type Selection } from './selection.ts'

/** Objects read from the store before other requests get a turn. */
const PAGE = 500

const TOO_OLD_PAGE = 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'
const TOO_OLD_LIST = 'The resourceVersion for the provided list is too old.'

/** What to read: the state at `revision`, behind `afterKey`, up to `limit` matches (0: all). */
type Plan = Readonly<{ revision: number; afterKey: string | undefined; limit: number; continued: boolean }>
type Item = Readonly<{ entry: Entry; object: ApiObject | undefined }>

export async function list(call: Call): Promise<void> {
  const { exchange, request, resource, strategy, negotiated } = call
  const options = parseListOptions(exchange.query, false)
  const selection = parseSelection(exchange.query, resource, strategy, request.name)
  const rendering = renderingOf(negotiated, exchange.query)
  const plan = await planList(call, options)
  try {
    if (plan.limit === 0 && negotiated.format === 'json' && !exchange.pretty && rendering.kind === 'object') {
      await sendPieces(exchange, wholeList(call, plan, selection))
    } else {
      await sendPage(call, plan, selection, rendering)
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error
    const prefixLength = call.serving.objects.prefix(resource, request.namespace).length
    throw plan.continued ? expired(TOO_OLD_PAGE, encodeContinue({ revision: -1, lastKey: plan.afterKey!.slice(prefixLength) })) : expired(TOO_OLD_LIST)
  }
}

async function planList({ serving, exchange, request, resource }: Call, options: ListOptions): Promise<Plan> {
  const { signal } = exchange
  const store = serving.objects.store
  if (options.continueToken !== '') {
    const token = decodeContinue(options.continueToken)
    const revision = token.revision === -1 ? await store.revision({ signal }) : token.revision
    return { revision, afterKey: `${serving.objects.prefix(resource, request.namespace)}${token.lastKey}`, limit: options.limit, continued: true }
  }
  const asked = options.resourceVersion
  const current = await reachRevision(store, asked ?? 0, signal)
  const exact = asked !== undefined && asked > 0 &&
    (options.resourceVersionMatch === 'Exact' || (options.resourceVersionMatch === undefined && options.limit > 0))
  // A list "at any version" is served whole: upstream's cache ignores the limit there, and reflectors rely on it.
  const limit = asked === 0 && options.resourceVersionMatch !== 'Exact' ? 0 : options.limit
  return { revision: exact ? asked : current, afterKey: undefined, limit, continued: false }
}

/** Matching objects in key order; `object` is decoded when something has to look at it. */
async function* items(call: Call, plan: Plan, selection: Selection, decode: boolean): AsyncGenerator<Item[]> {
  const { serving, exchange, request, resource } = call
  const { signal } = exchange
  const parse = decode || !selection.everything
  const { name } = selection
  const single = name !== undefined && (request.namespace !== '' || !resource.namespaced)
  const prefix = serving.objects.prefix(resource, request.namespace)
  const onlyKey = `${prefix}${name ?? ''}`
  let start = plan.afterKey === undefined ? (single ? onlyKey : prefix) : `${plan.afterKey}\0`
  const end = single ? `${onlyKey}\0` : prefixEnd(prefix)
  const limit = plan.limit === 0 || !selection.everything ? PAGE : Math.min(PAGE, plan.limit + 1)
  while (start < end) {
    const { entries, more } = await serving.objects.store.range({ start, end, limit, revision: plan.revision }, { signal })
    const found: Item[] = []
    for (const entry of entries) {
      const object = parse ? decodeValue(resource, entry) : undefined
      if (object === undefined || selection.matches(object)) found.push({ entry, object })
    }
    yield found
    if (!more) return
    start = `${entries.at(-1)!.key}\0`
    await new Promise<void>(resolve => setImmediate(resolve))
  }
}

/** An unlimited list as JSON pieces, without holding it in memory. */
async function* wholeList(call: Call, plan: Plan, selection: Selection): AsyncGenerator<Buffer> {
  const { resource } = call
  yield Buffer.from(`{"kind":${JSON.stringify(resource.listKind)},"apiVersion":${JSON.stringify(formatGroupVersion(resource))},"metadata":{"resourceVersion":"${plan.revision}"},"items":[`)
  let first = true
  for await (const found of items(call, plan, selection, false)) {
    const parts: Buffer[] = []
    for (const { entry } of found) {
      if (!first) parts.push(COMMA)
      first = false
      parts.push(...(resource.custom ? wholeBytes(resource, entry) : itemBytes(resource, entry)))
    }
    if (parts.length > 0) yield Buffer.concat(parts)
  }
  yield END
}

const COMMA = Buffer.from(',')
const END = Buffer.from(']}\n')

/** A page, or a rendering that is built as a value. */
async function sendPage(call: Call, plan: Plan, selection: Selection, rendering: Rendering): Promise<void> {
  const { serving, exchange, request, resource, negotiated } = call
  const found: Item[] = []
  for await (const some of items(call, plan, selection, true)) {
    found.push(...some)
    if (plan.limit > 0 && found.length > plan.limit) break
  }
  const more = plan.limit > 0 && found.length > plan.limit
  const shown = more ? found.slice(0, plan.limit) : found
  const prefix = serving.objects.prefix(resource, request.namespace)
  const lastKey = shown.at(-1)?.entry.key
  const metadata = {
    resourceVersion: String(plan.revision),
    ...(more ? { continue: encodeContinue({ revision: plan.revision, lastKey: lastKey!.slice(prefix.length) }) } : {}),
    ...(more && selection.everything ? { remainingItemCount: await serving.objects.store.count({ start: `${lastKey}\0`, end: prefixEnd(prefix) }, { signal: exchange.signal }) } : {}),
  }
  sendValue(exchange, 200, negotiated.format, renderList(call, shown.map(({ object }) => object!), metadata, rendering))
}

export function renderList({ resource, strategy, serving }: Call, objects: readonly ApiObject[], metadata: object, rendering: Rendering): unknown {
  switch (rendering.kind) {
    case 'table': {
      const nowMs = serving.clock.now()
      return {
        kind: 'Table', apiVersion: `meta.k8s.io/${rendering.metaVersion}`, metadata, columnDefinitions: columnDefinitions(strategy),
        rows: objects.map(object => tableRow(object, strategy, rendering, nowMs)),
      }
    }
    case 'partial':
      return {
        kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${rendering.metaVersion}`, metadata,
        items: objects.map(object => partialOf(object, rendering.metaVersion)),
      }
    case 'object':
      return { kind: resource.listKind, apiVersion: formatGroupVersion(resource), metadata, items: resource.custom ? objects : objects.map(withoutType) }
    default: return rendering satisfies never
  }
}

const withoutType = ({ apiVersion: _apiVersion, kind: _kind, ...item }: ApiObject): unknown => item
