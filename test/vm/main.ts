// `npm run test:vm [-- FILE…]`: runs tests that need more of a kernel than this machine has, in a virtual machine that has it.
// `--match TITLE` picks tests as ava does; `npm run test:vm -- --exec 'COMMAND'` runs a command there instead.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PEERS_DIR, ROOT } from '../peers/cache.ts'
import { BUNDLE } from './initramfs.ts'
import { runInMachine, whyNoMachine } from './virtual-machine.ts'

/** Those that skip on a kernel without WireGuard, ipip or SCTP. */
const FILES = ['test/kernel/agent/wireguard.test.ts', 'test/kernel/agent/ipip.test.ts', 'test/kernel/net/wireguard.test.ts', 'test/interop/agent/flanneld-tunnels.test.ts', 'test/kernel/proxy/sctp.test.ts']

/** How much longer than usual a condition may take to come true: emulation is twenty times slower than the machine. */
const PATIENCE = 6

const { values, positionals } = parseArgs({ allowPositionals: true, options: { exec: { type: 'string' }, match: { type: 'string', multiple: true, default: [] }, minutes: { type: 'string', default: '40' } } })
const reason = whyNoMachine()
if (reason !== undefined) {
  process.stdout.write(`${reason}\n`)
  process.exit(0)
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
const tests = positionals.length === 0 ? FILES : positionals
const ava = [process.execPath, 'node_modules/.bin/ava', '--tap', '--serial', '--concurrency=1', '--timeout=15m', ...values.match.flatMap(title => ['--match', title]), ...tests]
const command = values.exec ?? `exec ${ava.map(quote).join(' ')}`
const environment = {
  PATH: `/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`, HOME: '/tmp', WEFT_PEERS_DIR: PEERS_DIR, WEFT_TEST_PATIENCE: String(PATIENCE), NODE_COMPILE_CACHE: '/tmp/compiled',
  WEFT_TEST_PROGRAM: join(BUNDLE, 'main.mjs'),
}
const script = [...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`), `cd ${quote(ROOT)}`, command, ''].join('\n')
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const startMs = performance.now()
const code = await runInMachine({ command: script, timeoutMs: Number(values.minutes) * 60_000, onLine: line => process.stdout.write(`${line}\n`), signal: stop.signal })
process.stdout.write(`${join('test', 'vm')}: ${code === undefined ? 'the machine ended before the command did' : `exit ${code}`} after ${Math.round((performance.now() - startMs) / 1000)} s\n`)
process.exitCode = code ?? 1
