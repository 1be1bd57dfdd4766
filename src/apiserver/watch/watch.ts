// GET with watch=true: past and present changes of a collection or object as a stream.

import type { ApiObject } from '../../api/object.ts'
import { expired, StatusError, internalError } from '../../api/status/status.ts'
import { CompactedError, prefixEnd } from '../../store/store.ts'
import { decodeValue } from '../objects/stored-object.ts'
import type { Call } from '../verbs/call.ts'
import { parseListOptions, reachRevision, type ListOptions } from '../verbs/list-options.ts'
import { renderingOf } from '../verbs/render.ts'
import { parseSelection, type Selection } from '../verbs/selection.ts'
import { errorFrame, eventTypeFor, FrameEncoder } from './frames.ts'
import { WatchEvent } from './hub.ts'
import { WatchStream } from './watch-stream.ts'

/** Without timeoutSeconds a watch lasts this long, up to twice (kube-apiserver's --min-request-timeout). */
const MIN_TIMEOUT_SECONDS = 1800
const PAGE = 500

export async function watch(call: Call): Promise<void> {
  const { serving, exchange, request, resource, strategy, negotiated } = call
  const options = parseListOptions(exchange.query, true)
  const selection = parseSelection(exchange.query, resource, strategy, request.name)
  const rendering = renderingOf(negotiated, exchange.query)
  const asked = options.resourceVersion ?? 0
  const initial = options.sendInitialEvents ?? asked === 0
  await serving.hub.reached(await reachRevision(serving.objects.store, asked, exchange.signal), exchange.signal)
  const encoder = new FrameEncoder({ resource, strategy, rendering, now: () => serving.clock.now() })
  await using stream = new WatchStream(exchange, {
    timeoutSeconds: options.timeoutSeconds ?? MIN_TIMEOUT_SECONDS * (1 + Math.random()),
    bookmark: options.allowWatchBookmarks ? () => encoder.bookmark(serving.hub.revision, { initialEventsEnd: false }) : undefined,
  })
  const deliver = (event: WatchEvent): void => {
    const type = eventTypeFor(event, resource, selection)
    if (type !== undefined) stream.write(encoder.change(type, event))
  }
  // From here on nothing can be missed: what comes while the past is being sent waits in line.
  const waiting: WatchEvent[] = []
  let live = false
  const joinedAt = serving.hub.revision
  using _subscription = disposable(serving.hub.subscribe({
    prefix: serving.objects.prefix(resource, request.namespace),
    deliver: event => { if (live) deliver(event); else waiting.push(event) },
    broken: () => stream.cut(),
  }))
  stream.open()
  try {
    if (initial) await sendState(call, selection, encoder, stream, joinedAt, options)
    else if (asked > 0) await sendPast(call, deliver, asked, joinedAt)
    for (const event of waiting.splice(0)) deliver(event)
    live = true
    stream.goLive()
    await stream.ended
  } catch (error) {
    if (exchange.signal.aborted || stream.closed) return
    stream.write(errorFrame(asStatus(error, asked)))
  }
}

/** The state at `revision` as ADDED events, closed by a bookmark where the client knows what that means. */
async function sendState(call: Call, selection: Selection, encoder: FrameEncoder, stream: WatchStream, revision: number, options: ListOptions): Promise<void> {
  const { serving, exchange, request, resource } = call
  const prefix = serving.objects.prefix(resource, request.namespace)
  let start = prefix
  for (;;) {
    const { entries, more } = await serving.objects.store.range({ start, end: prefixEnd(prefix), limit: PAGE, revision }, { signal: exchange.signal })
    for (const entry of entries) {
      let object: ApiObject | undefined
      const decode = (): ApiObject => (object ??= decodeValue(resource, entry))
      if (selection.everything || selection.matches(decode())) stream.write(encoder.initial(entry, decode))
    }
    if (!more) break
    start = `${entries.at(-1)!.key}\0`
    await stream.drained()
  }
  if (options.allowWatchBookmarks) stream.write(encoder.bookmark(revision, { initialEventsEnd: true }))
}

/** What happened in (after, until], from the store's history. */
async function sendPast(call: Call, deliver: (event: WatchEvent) => void, after: number, until: number): Promise<void> {
  const { serving, exchange, request, resource } = call
  if (after >= until) return
  const history = serving.objects.store.watch({ prefix: serving.objects.prefix(resource, request.namespace), afterRevision: after }, { signal: exchange.signal })
  for await (const { events, revision } of history) {
    for (const event of events) if (event.revision <= until) deliver(new WatchEvent(event))
    if (revision >= until) return
  }
}

function asStatus(error: unknown, asked: number): StatusError['body'] {
  if (error instanceof CompactedError) return expired(`too old resource version: ${asked} (${error.oldest})`).body
  return (error instanceof StatusError ? error : internalError((error as Error).message, error)).body
}

const disposable = (end: () => void): Disposable => ({ [Symbol.dispose]: end })
