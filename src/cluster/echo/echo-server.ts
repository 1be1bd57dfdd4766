// The echo server: the sample image. Says over HTTP, TCP and UDP which pod answered, on which host, and whom
// it saw as the client, which is all one needs to see where a Service sent a packet and who rewrote it.

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { formatHostPort } from '../../net/ip/port.ts'

export type EchoOptions = Readonly<{
  pod: string
  host: string
  /** Port 0 lets the kernel choose. */
  httpPort: number
  tcpPort: number
  udpPort: number
}>

export interface EchoServer extends AsyncDisposable {
  readonly httpPort: number
  readonly tcpPort: number
  readonly udpPort: number
}

/** A TCP line longer than this is not one that a person or a test sent. */
const MAX_LINE_LENGTH = 65_536

/**
 * Listens on all addresses of both families (IPv4 alone where the kernel has no IPv6).
 *
 * HTTP answers every request with one line; TCP answers every line, UDP every datagram, with that line and
 * the text that came.
 */
export async function openEchoServer(options: EchoOptions): Promise<EchoServer> {
  await using undo = new AsyncDisposableStack()
  const http = createHttpServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(`${identity(options, 'HTTP', request.socket)}\n`)
  })
  const tcp = createTcpServer(socket => answerLines(socket, line => answer(identity(options, 'TCP', socket), line)))
  const udp = await openUdp(options.udpPort)
  undo.defer(() => closeUdp(udp))
  udp.on('message', (message, client) => {
    const line = answer(identity(options, 'UDP', client), message.toString().replace(/\n$/, ''))
    // A client that is gone shows as an error of the next send; it concerns nobody else.
    udp.send(`${line}\n`, client.port, client.address, () => undefined)
  })
  for (const [server, port] of [[http, options.httpPort], [tcp, options.tcpPort]] as const) {
    server.listen(port)
    await once(server, 'listening')
    const connections = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    undo.defer(() => closeServer(server, connections))
  }
  const resources = undo.move()
  return {
    httpPort: (http.address() as AddressInfo).port,
    tcpPort: (tcp.address() as AddressInfo).port,
    udpPort: udp.address().port,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

function answerLines(socket: Socket, respond: (line: string) => string): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE_LENGTH) socket.destroy()
    else if (lines.length > 0) socket.write(lines.map(line => `${respond(line)}\n`).join(''))
  })
}

type Client = Readonly<{ remoteAddress?: string | undefined; remotePort?: number | undefined; address?: unknown; port?: unknown }>

/** "pod=web-1 host=host-2 client=10.244.1.1:40312 protocol=TCP" */
function identity(options: EchoOptions, protocol: string, client: Client): string {
  const address = String(client.remoteAddress ?? client.address).replace(/^::ffff:/, '')
  const port = Number(client.remotePort ?? client.port)
  return `pod=${options.pod} host=${options.host} client=${formatHostPort(address, port)} protocol=${protocol}`
}

const answer = (line: string, text: string): string => (text === '' ? line : `${line} text=${text}`)

async function openUdp(port: number): Promise<UdpSocket> {
  try {
    return await bindUdp(createSocket({ type: 'udp6' }), port)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT' && (error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error
    return bindUdp(createSocket({ type: 'udp4' }), port)
  }
}

async function bindUdp(socket: UdpSocket, port: number): Promise<UdpSocket> {
  try {
    socket.bind(port)
    await once(socket, 'listening')
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

const closeUdp = (socket: UdpSocket): Promise<void> => new Promise(resolve => socket.close(() => resolve()))

function closeServer(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  for (const socket of connections) socket.destroy()
  return closed
}
