// Echo servers that run in this process with their sockets in a foreign namespace. A socket stays where it is created, and
// Node creates a listening socket within listen() when no host is named: one synchronous call inside the namespace is enough.

import { createSocket } from 'node:dgram'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { inNetns } from '../../src/net/netns/in-netns.ts'
import { lookupInNetns } from './client.ts'
import { formatReply } from './reply.ts'

export type EchoProtocol = 'tcp' | 'udp' | 'http'
export type EchoServer = AsyncDisposable & Readonly<{ protocol: EchoProtocol; port: number }>
export type EchoServerOptions = Readonly<{ netns: string; name: string; protocol: EchoProtocol; port: number; family: 4 | 6 }>

/** Starts a server; `port` 0 takes a free one. TCP and HTTP serve both families, UDP the one named. */
export const openEchoServer = (options: EchoServerOptions): Promise<EchoServer> =>
  options.protocol === 'udp' ? openUdp(options) : openStream(options)

async function openStream({ netns, name, protocol, port }: EchoServerOptions): Promise<EchoServer> {
  const sockets = new Set<Socket>()
  const server: Server = protocol === 'http'
    ? createHttpServer((request, response) => response.end(formatReply(name, { address: request.socket.remoteAddress, port: request.socket.remotePort }, request.url)))
    : createServer(socket => {
        socket.setNoDelay(true)
        socket.write(`${formatReply(name, { address: socket.remoteAddress, port: socket.remotePort })}\n`)
        socket.on('error', () => socket.destroy())
        socket.pipe(socket)
      })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const listening = once(server, 'listening')
  inNetns(netns, () => void server.listen({ port, exclusive: true }))
  await listening
  return {
    protocol,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function openUdp({ netns, name, port, family }: EchoServerOptions): Promise<EchoServer> {
  const socket = createSocket({ type: `udp${family}`, lookup: lookupInNetns(netns) })
  socket.on('message', (message, client) => socket.send(formatReply(name, client, message.toString()), client.port, client.address))
  const listening = once(socket, 'listening')
  socket.bind({ port, address: family === 4 ? '0.0.0.0' : '::', exclusive: true })
  await listening
  return {
    protocol: 'udp',
    port: socket.address().port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
