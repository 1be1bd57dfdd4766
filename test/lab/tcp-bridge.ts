// A port inside a namespace that leads to one on this process's own loopback: how hosts of the lab reach a store that
// runs outside. Closing it cuts the wire, refusing included; opening it again mends it.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { inNetns } from '../../src/net/netns/in-netns.ts'

export type TcpBridgeOptions = Readonly<{ netns: string; port: number; targetPort?: number }>

export class TcpBridge implements AsyncDisposable {
  readonly #options: TcpBridgeOptions
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #muted = false

  private constructor(options: TcpBridgeOptions) {
    this.#options = options
  }

  static async open(options: TcpBridgeOptions): Promise<TcpBridge> {
    const bridge = new TcpBridge(options)
    await bridge.mend()
    return bridge
  }

  /** Refuses connections and breaks the running ones. */
  async cut(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async mend(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer(inside => this.#join(inside))
    const listening = once(server, 'listening')
    inNetns(this.#options.netns, () => void server.listen({ port: this.#options.port, exclusive: true }))
    await listening
    this.#server = server
  }

  /** Keeps connections but passes nothing on: what a hanging peer looks like. */
  mute(muted: boolean): void {
    this.#muted = muted
    for (const socket of this.#sockets) if (muted) socket.pause()
    else socket.resume()
  }

  #join(inside: Socket): void {
    const outside = connect({ host: '127.0.0.1', port: this.#options.targetPort ?? this.#options.port, noDelay: true })
    for (const [from, to] of [[inside, outside], [outside, inside]] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      if (this.#muted) from.pause()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut()
  }
}
