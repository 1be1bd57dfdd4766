// --cert-dir: a server that is given no certificate makes one, once.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')

/** Starts a server with nothing but folders, asks its health over a checked connection, and ends it. */
async function healthBy(folder: string, authorityPem: () => string): Promise<string> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, MAIN, 'apiserver', '--data-dir', join(folder, 'store'), '--cert-dir', join(folder, 'pki'), '--bind-address', '127.0.0.1', '--secure-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    for await (const line of createInterface({ input: child.stderr })) {
      const { msg, port } = JSON.parse(line) as { msg: string; port?: number }
      if (msg !== 'ready') continue
      const sent = request({ host: '127.0.0.1', servername: 'kubernetes.default.svc', port, path: '/healthz', ca: authorityPem(), agent: false }).end()
      const [answer] = await once(sent, 'response') as [IncomingMessage]
      answer.resume()
      return String(answer.statusCode)
    }
    throw new Error('the server ended')
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
}

test('without a certificate the server makes one in --cert-dir, which its own file vouches for, and keeps it', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-cert-dir-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'pki', 'apiserver.crt')
  const read = (): string => readFileSync(file, 'utf8')
  t.is(await healthBy(folder, read), '200')
  const first = read()
  t.is(await healthBy(folder, read), '200')
  t.is(read(), first)
})
