// GET of one object.

import { notFoundObject } from '../../api/status/status.ts'
import { sendValue } from '../http/send.ts'
import { decodeValue, wholeBytes } from '../objects/stored-object.ts'
import { renderObject, renderingOf } from './render.ts'
import { waitForRevision } from './list-options.ts'
import type { Call } from './call.ts'

export async function get({ serving, exchange, request, resource, strategy, negotiated }: Call): Promise<void> {
  const { signal } = exchange
  await waitForRevision(serving, exchange.query.get('resourceVersion') ?? '', signal)
  const entry = await serving.objects.readEntry(resource, request, { signal })
  if (entry === undefined) throw notFoundObject(resource, request.name)
  if (negotiated.rendering === 'object' && negotiated.format === 'json' && !exchange.pretty) {
    const [head, tail] = wholeBytes(resource, entry)
    exchange.send(200, 'application/json', Buffer.concat([head, tail, NEWLINE]))
    return
  }
  sendValue(exchange, 200, negotiated.format, renderObject(decodeValue(resource, entry), strategy, renderingOf(negotiated, exchange.query), serving.clock.now()))
}

const NEWLINE = Buffer.from('\n')
