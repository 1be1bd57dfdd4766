// The answer to a write: the object as it is now. Its stored form goes out as it is where the client wants plain JSON.

import { sendValue } from '../http/send.ts'
import type { Written } from '../objects/object-store.ts'
import { wholeBytes } from '../objects/stored-object.ts'
import type { Call } from './call.ts'
import { renderObject, type Rendering } from './render.ts'

export function sendWritten({ exchange, resource, strategy, negotiated, serving }: Call, code: number, rendering: Rendering, { object, stored }: Written): void {
  if (stored !== undefined && rendering.kind === 'object' && negotiated.format === 'json' && !exchange.pretty) {
    return exchange.send(code, 'application/json', Buffer.concat([...wholeBytes(resource, stored), NEWLINE]))
  }
  sendValue(exchange, code, negotiated.format, renderObject(object, strategy, rendering, serving.clock.now()))
}

const NEWLINE = Buffer.from('\n')
