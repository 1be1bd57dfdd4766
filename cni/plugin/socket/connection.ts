// One connection: who is it, what does it ask, and is it still there to hear the answer?

import type { Socket } from 'node:net'
import { peerCredentials } from '../../../src/net/libc/peer-credentials.ts'
import type { Logger } from '../../../src/ops/log.ts'
import { FRAME_PROTOCOL } from '../wire/frame.ts'
import { formatReply, readRequest, type RawRequest, type Reply } from '../wire/raw-request.ts'
import { receiveFrame } from './read-request.ts'

export type Caller = Readonly<{ pid: number }>

/** What serving came to. `abandon` takes back what was done when nobody heard of it. */
export type Served = Readonly<{ reply: Reply; abandon?: () => Promise<void> }>

export type ServeRequest = (request: RawRequest, caller: Caller) => Promise<Served>

/** Runs the whole of a connection; never rejects. */
export async function handleConnection(socket: Socket, serve: ServeRequest, log: Logger): Promise<void> {
  socket.on('error', () => {}) // a peer that vanishes shows in `destroyed`
  try {
    const peer = peerCredentials(descriptorOf(socket))
    if (peer.uid !== 0) {
      log.warn({ pid: peer.pid, uid: peer.uid }, 'cni request from another user refused')
      return
    }
    const frame = await receiveFrame(socket)
    if (frame.protocol !== FRAME_PROTOCOL) {
      await send(socket, { exitCode: 1, stdout: UNKNOWN_PROTOCOL })
      return
    }
    const { reply, abandon } = await serve(readRequest(frame.fields), { pid: peer.pid })
    if (!(await send(socket, reply))) await abandon?.()
  } catch (err) {
    log.warn({ err }, 'cni connection ended')
  } finally {
    socket.destroy()
  }
}

const UNKNOWN_PROTOCOL = '{"code":11,"msg":"weft-cni and the weft agent are of different releases; try again when both are upgraded"}\n'

/** True when the kernel took all of it while the peer was still connected. */
async function send(socket: Socket, reply: Reply): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return false
  return await new Promise<boolean>(resolve => {
    socket.once('close', () => resolve(false))
    socket.write(formatReply(reply), error => resolve(error === undefined || error === null))
  })
}

/** Node keeps a connection's descriptor on its handle and offers no other way to it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}
