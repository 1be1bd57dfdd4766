// `weft echo`: the sample image's program.

import { hostname } from 'node:os'
import { Command } from 'commander'
import { openEchoServer } from '../cluster/echo/echo-server.ts'
import { parsePort } from '../net/ip/port.ts'

export const command = (): Command =>
  new Command()
    .option('--http-port <port>', 'answers HTTP requests here', '8080')
    .option('--tcp-port <port>', 'answers lines here', '9000')
    .option('--udp-port <port>', 'answers datagrams here', '9000')
    .option('--pod <name>', 'name of the pod it runs in', process.env['POD_NAME'] ?? hostname())
    .option('--host <name>', 'name of the host it runs on', process.env['NODE_NAME'] ?? 'unknown')
    .action(async (flags: Readonly<Record<'httpPort' | 'tcpPort' | 'udpPort' | 'pod' | 'host', string>>) => {
      await using server = await openEchoServer({
        pod: flags.pod,
        host: flags.host,
        httpPort: parsePort(flags.httpPort, '--http-port'),
        tcpPort: parsePort(flags.tcpPort, '--tcp-port'),
        udpPort: parsePort(flags.udpPort, '--udp-port'),
      })
      process.stdout.write(`echo: pod ${flags.pod} answers HTTP on ${server.httpPort}, TCP on ${server.tcpPort}, UDP on ${server.udpPort}\n`)
      await new Promise<void>(resolve => {
        process.once('SIGTERM', resolve)
        process.once('SIGINT', resolve)
      })
    })
