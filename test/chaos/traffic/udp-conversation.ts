// Datagrams from one port to one address, so that they are one flow to connection tracking.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { lookupInNetns } from '../../lab/client.ts'

export class UdpConversation implements Disposable {
  readonly #socket: Socket

  static async open(netns: string, address: string, port: number): Promise<UdpConversation> {
    const socket = createSocket({ type: 'udp4', lookup: lookupInNetns(netns) })
    // The look-up answers at once, so whoever waits must wait before.
    const bound = once(socket, 'listening')
    socket.bind({ port: 0, address: '0.0.0.0', exclusive: true })
    await bound
    const connected = once(socket, 'connect')
    socket.connect(port, address)
    await connected
    return new UdpConversation(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    // ICMP errors arrive here; the question that waits for an answer reports them.
    socket.on('error', () => undefined)
  }

  /** Sends a text; resolves when it comes back. Rejects with an ICMP error, when no answer comes in time, or at disposal. */
  async ask(text: string, timeoutMs: number): Promise<void> {
    const over = new AbortController()
    const late = setTimeout(() => over.abort(), timeoutMs)
    const closed = (): void => over.abort()
    this.#socket.once('close', closed)
    const answered = (async () => {
      for (;;) {
        const [message] = (await once(this.#socket, 'message', { signal: over.signal })) as [Buffer]
        if (message.toString().endsWith(` text=${text}\n`)) return
      }
    })()
    answered.catch(() => undefined)
    try {
      this.#socket.send(text)
      await answered
    } catch (error) {
      throw over.signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error
    } finally {
      over.abort()
      clearTimeout(late)
      this.#socket.off('close', closed)
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}
