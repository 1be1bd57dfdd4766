// `weft echo`: the sample image's program, and its client.

import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { ask } from '../cluster/echo/ask.ts'
import { openEchoServer } from '../cluster/echo/echo-server.ts'
import { parsePort } from '../net/ip/port.ts'
import { InputError } from '../ops/errors.ts'

type Flags = Readonly<Record<'httpPort' | 'tcpPort' | 'udpPort' | 'pod' | 'host' | 'times' | 'timeout' | 'linger', string> & { ask?: string }>

export const command = (): Command =>
  new Command()
    .option('--http-port <port>', 'answer HTTP requests here', '8080')
    .option('--tcp-port <port>', 'answer lines here', '9000')
    .option('--udp-port <port>', 'answer datagrams here', '9000')
    .addOption(new Option('--pod <name>', 'name of the pod it runs in').default(process.env['POD_NAME'] ?? hostname(), '$POD_NAME, else the host name'))
    .option('--host <name>', 'name of the host it runs on', process.env['NODE_NAME'] ?? 'unknown')
    .option('--linger <seconds>', 'after SIGTERM, answer for this long: Services take a moment to leave a pod that goes', '1')
    .option('--ask <url>', 'serve nothing: ask an echo server by HTTP and print its answers')
    .option('--times <count>', 'with --ask: how often, each time on a new connection', '1')
    .option('--timeout <seconds>', 'with --ask: how long to wait for each answer', '5')
    .action(async (flags: Flags) => (flags.ask === undefined ? serve(flags) : printAnswers(flags.ask, flags)))

async function serve(flags: Flags): Promise<void> {
  const lingerMs = parseCount(flags.linger, '--linger', 0) * 1000
  await using server = await openEchoServer({
    pod: flags.pod,
    host: flags.host,
    httpPort: parsePort(flags.httpPort, '--http-port'),
    tcpPort: parsePort(flags.tcpPort, '--tcp-port'),
    udpPort: parsePort(flags.udpPort, '--udp-port'),
  })
  process.stdout.write(`echo: pod ${flags.pod} answers HTTP on ${server.httpPort}, TCP on ${server.tcpPort}, UDP on ${server.udpPort}\n`)
  await new Promise<void>(resolve => {
    process.once('SIGTERM', () => setTimeout(resolve, lingerMs))
    process.once('SIGINT', resolve)
  })
}

async function printAnswers(url: string, flags: Flags): Promise<void> {
  const times = parseCount(flags.times, '--times')
  const timeoutMs = parseCount(flags.timeout, '--timeout') * 1000
  for (let index = 0; index < times; index++) {
    const { pod, host, client } = await ask(url, { timeoutMs, signal: new AbortController().signal })
    process.stdout.write(`pod=${pod} host=${host} client=${client}\n`)
  }
}

function parseCount(text: string, field: string, least = 1): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < least) throw new InputError(field, text, `is not a number between ${least} and 999999`)
  return Number(text)
}
