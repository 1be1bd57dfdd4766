// Reads one request from a connection, bounded in size and time.

import type { Socket } from 'node:net'
import { FRAME_HEADER_BYTES, FrameError, parseFields, parseHeader, type Field } from '../wire/frame.ts'

/** A shim has its whole request at hand when it connects. */
const PARTIAL_FRAME_TIMEOUT_MS = 2000

export type ReceivedFrame = Readonly<{ protocol: number; fields: readonly Field[] }>

/** Rejects with FrameError on anything that is not one whole, well-formed frame in time. */
export function receiveFrame(socket: Socket): Promise<ReceivedFrame> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    let needed = FRAME_HEADER_BYTES
    const finish = (settle: () => void): void => {
      clearTimeout(timer)
      clearImmediate(lastLook)
      socket.off('data', onData).off('end', onEnd).off('error', onError)
      settle()
    }
    // After a stall of this thread (the kernel's RTNL lock is waited for within a send) timers run before what has long been
    // sent is read: the time is only over when a look at the socket brought nothing more.
    let lastLook: NodeJS.Immediate | undefined
    const expire = (receivedBefore: number): void => {
      lastLook = setImmediate(() => {
        if (received > receivedBefore) expire(received)
        else finish(() => reject(new FrameError(`is incomplete after ${PARTIAL_FRAME_TIMEOUT_MS} ms`)))
      })
    }
    const timer = setTimeout(() => expire(received), PARTIAL_FRAME_TIMEOUT_MS)
    const onEnd = (): void => finish(() => reject(new FrameError(`ended after ${received} bytes`)))
    const onError = (error: Error): void => finish(() => reject(error))
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      received += chunk.length
      if (received < needed) return
      const bytes = Buffer.concat(chunks)
      try {
        const header = parseHeader(bytes)
        needed = FRAME_HEADER_BYTES + header.bodyBytes
        if (received > needed) throw new FrameError(`has ${received - needed} bytes behind its end`)
        if (received < needed) {
          chunks.splice(0, chunks.length, bytes)
          return
        }
        const fields = parseFields(bytes.subarray(FRAME_HEADER_BYTES), header.fieldCount)
        finish(() => resolve({ protocol: header.protocol, fields }))
      } catch (error) {
        finish(() => reject(error as Error))
      }
    }
    socket.on('data', onData).on('end', onEnd).on('error', onError)
  })
}
