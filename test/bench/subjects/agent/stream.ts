// The two ends of a TCP connection, as processes of their own: how much goes through, and how long one byte takes there and back.
//
//   node stream.ts serve PORT                        answers both of the following, until it is ended
//   node stream.ts fill ADDRESS PORT SECONDS         prints megabits per second
//   node stream.ts turn ADDRESS PORT COUNT           prints the median round trip in microseconds

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { median } from '../../statistics.ts'

const CHUNK = Buffer.alloc(256 * 1024)

/** The first byte of a connection says what is asked for: F, and everything after it is counted, or T, and every byte comes back. */
function serve(port: number): void {
  createServer({ allowHalfOpen: true }, socket => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    let mode: 'F' | 'T' | undefined
    let received = 0
    socket.on('data', chunk => {
      mode ??= String.fromCharCode(chunk[0]!) as 'F' | 'T'
      if (mode === 'T') socket.write(chunk)
      received += chunk.length
    })
    socket.on('end', () => socket.end(mode === 'F' ? String(received) : ''))
  }).listen({ port }, () => process.stdout.write('serving\n'))
}

async function open(address: string, port: number): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

/** Counted is what the far end has received; the clock stops with its answer. */
async function fill(address: string, port: number, seconds: number): Promise<number> {
  const socket = await open(address, port)
  const startMs = performance.now()
  socket.write('F')
  while (performance.now() - startMs < seconds * 1000) if (!socket.write(CHUNK)) await once(socket, 'drain')
  const answer = once(socket, 'data')
  socket.end()
  const received = Number(String((await answer)[0]))
  const megabits = (received * 8) / 1e6 / ((performance.now() - startMs) / 1000)
  socket.destroy()
  return megabits
}

async function turn(address: string, port: number, count: number): Promise<number> {
  const socket = await open(address, port)
  const samples: number[] = []
  for (let i = 0; i < count; i += 1) {
    const startMs = performance.now()
    socket.write('T')
    await once(socket, 'data')
    samples.push((performance.now() - startMs) * 1000)
  }
  socket.destroy()
  return median(samples)
}

const [mode, first, second, third] = process.argv.slice(2)
if (mode === 'serve') serve(Number(first))
else process.stdout.write(`${await (mode === 'fill' ? fill : turn)(first!, Number(second), Number(third))}\n`)
