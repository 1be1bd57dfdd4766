import test from 'ava'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { openEchoServer, type EchoServer } from '../../../../src/cluster/echo/echo-server.ts'

const open = (): Promise<EchoServer> => openEchoServer({ pod: 'web-1', host: 'host-2', httpPort: 0, tcpPort: 0, udpPort: 0 })

test('HTTP answers pod, host and client', async t => {
  await using server = await open()
  const response = await fetch(`http://127.0.0.1:${server.httpPort}/any/path`)
  t.regex(await response.text(), /^pod=web-1 host=host-2 client=127\.0\.0\.1:\d+ protocol=HTTP\n$/)
})

test('an IPv6 client is shown in brackets', async t => {
  await using server = await open()
  const response = await fetch(`http://[::1]:${server.httpPort}/`)
  t.regex(await response.text(), /client=\[::1\]:\d+ /)
})

test('one TCP connection answers every line, also one that came in pieces', async t => {
  await using server = await open()
  const socket = connect(server.tcpPort, '127.0.0.1').setEncoding('utf8')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.on('data', (text: string) => (received += text))
  const lines = async (count: number): Promise<readonly string[]> => {
    while (received.split('\n').length <= count) await once(socket, 'data')
    return received.trimEnd().split('\n')
  }
  socket.write('one\ntw')
  t.regex((await lines(1))[0]!, /^pod=web-1 host=host-2 client=127\.0\.0\.1:\d+ protocol=TCP text=one$/)
  socket.write('o\n\n')
  const [, second, third] = await lines(3)
  t.regex(second!, / text=two$/)
  t.regex(third!, / protocol=TCP$/)
})

test('a UDP datagram is answered from the port it was sent to', async t => {
  await using server = await open()
  const client = createSocket('udp4')
  t.teardown(() => client.close())
  client.connect(server.udpPort, '127.0.0.1')
  await once(client, 'connect')
  client.send('hello\n')
  const [message] = (await once(client, 'message')) as [Buffer]
  t.regex(message.toString(), /^pod=web-1 host=host-2 client=127\.0\.0\.1:\d+ protocol=UDP text=hello\n$/)
})

test('closing ends connections that are still open', async t => {
  const server = await open()
  const socket = connect(server.tcpPort, '127.0.0.1')
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  await server[Symbol.asyncDispose]()
  await closed
  t.pass()
})
