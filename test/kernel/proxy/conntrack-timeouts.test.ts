// What kube-proxy sets for connection tracking, seen on a tracked connection (kube_proxy.go of upstream's e2e tests asks for it).

import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import test from 'ava'
import { inNetns } from '../../../src/net/netns/in-netns.ts'
import { eventually } from '../../lab/eventually.ts'
import { lookupInNetns } from '../../lab/client.ts'
import { IP, openProxyWorld, service, slice } from './proxy-world.ts'

const KEPT_SECONDS = 3_600
/** The kernel's own (net/netfilter/nf_conntrack_proto_tcp.c: tcp_timeouts) is a minute. */
const KERNEL_SECONDS = 60

test('a connection that one side has closed is remembered as long as the proxy was told', async t => {
  await using world = await openProxyWorld([`--conntrack-tcp-timeout-close-wait=${KEPT_SECONDS}s`])
  const { lab, pods, apply } = world
  const [a, b] = pods
  // A server that hangs up first, and a client that does not follow.
  const held = new Set<Socket>()
  const server = createServer(socket => {
    held.add(socket.on('error', () => socket.destroy()))
    socket.end('bye')
  })
  const listening = once(server, 'listening')
  inNetns(b!.netns, () => void server.listen({ port: 8081, exclusive: true }))
  await listening
  try {
    await apply(service('web', IP, { ports: [{ name: 'http', port: 80, targetPort: 8081 }] }), { ...slice('web', [b!]), ports: [{ name: 'http', port: 8081, protocol: 'TCP' }] })
    await eventually(async () => {
      const client = connect({ host: `${IP}.lab`, port: 80, allowHalfOpen: true, autoSelectFamily: false, lookup: lookupInNetns(a!.netns) })
      held.add(client.on('error', () => client.destroy()))
      await once(client.resume(), 'end', { signal: AbortSignal.timeout(1_000) })
      return true
    }, { timeoutMs: 15_000 })
    const timeout = await eventually(async () => {
      const { stdout } = await lab.host(1).exec(['conntrack', '-L', '-p', 'tcp', '-d', IP])
      const match = /^tcp +6 (\d+) (CLOSE_WAIT|FIN_WAIT|LAST_ACK)/m.exec(stdout)
      return match?.[2] === 'CLOSE_WAIT' ? { seconds: Number(match[1]) } : stdout
    })
    t.true(timeout.seconds > KERNEL_SECONDS && timeout.seconds <= KEPT_SECONDS, String(timeout.seconds))
  } finally {
    server.close()
    for (const socket of held) socket.destroy()
  }
})
