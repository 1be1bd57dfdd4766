// The shim itself: small, self-contained, and its parser fuzzed under the sanitizers.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { formatReply, readRequest } from '../../../cni/plugin/wire/raw-request.ts'
import { receiveFrame } from '../../../cni/plugin/socket/read-request.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'cni', 'shim')
const make = (...targets: readonly string[]): string => execFileSync('make', ['-s', '-C', FOLDER, ...targets], { encoding: 'utf8' })

test('the program is static and below 100 kB', t => {
  make()
  const path = join(FOLDER, 'build', 'weft-cni')
  t.true(statSync(path).size < 100_000, `${statSync(path).size} bytes`)
  t.false(readFileSync(path).includes('ld-linux'), 'it needs a dynamic loader')
})

test('the parser of replies survives mutated and torn frames under the sanitizers', t => {
  t.regex(make('fuzz'), /200000 rounds, seed \d+, \d+ accepted/)
})

test('under the sanitizers the shim passes on what it is given, byte by byte, and prints what comes back', async t => {
  make('sanitized')
  const folder = mkdtempSync(join(tmpdir(), 'weft-shim-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const stdin = Buffer.concat([Buffer.from('{"a":"'), Buffer.alloc(300_000, 'ä'), Buffer.from('"}')])
  const seen = Promise.withResolvers<ReturnType<typeof readRequest>>()
  const server = createServer(socket => {
    void receiveFrame(socket).then(frame => {
      seen.resolve(readRequest(frame.fields))
      socket.end(formatReply({ exitCode: 7, stdout: 'answer ä', stderr: 'words' }))
    }, seen.reject)
  }).listen(join(folder, 's'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  const child = spawn(join(FOLDER, 'build', 'weft-cni-sanitized'), {
    env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'id', CNI_IFNAME: 'eth0', CNI_NETNS: '/proc/self/ns/net', CNI_ARGS: 'K=V', CNI_PATH: '', WEFT_CNI_SOCKET: join(folder, 's') },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(stdin)
  const [code] = (await once(child, 'close')) as [number]
  t.deepEqual([code, stdout, stderr], [7, 'answer ä', 'words'])
  const request = await seen.promise
  t.true(request.stdin.equals(stdin))
  t.like(request, { command: 'ADD', containerId: 'id', ifname: 'eth0', args: 'K=V', program: 'weft-cni-sanitized' })
  t.is(request.openedNetns?.kind, 'opened')
  t.true(request.remainingMs > 50_000 && request.remainingMs <= 60_000)
})

test('torn, oversized and foreign replies count as an agent that is away', async t => {
  make('sanitized')
  const folder = mkdtempSync(join(tmpdir(), 'weft-shim-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const good = formatReply({ exitCode: 0, stdout: 'x'.repeat(100) })
  const replies: readonly Buffer[] = [good.subarray(0, 5), good.subarray(0, 60), Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n    '), Buffer.from(good).fill(0xff, 8, 12), Buffer.from(good).fill(9, 4, 6)]
  for (const [index, reply] of replies.entries()) {
    const server = createServer(socket => socket.on('error', () => {}).on('data', () => {}).once('data', () => socket.end(reply))).listen(join(folder, `s${index}`))
    await once(server, 'listening')
    const child = spawn(join(FOLDER, 'build', 'weft-cni-sanitized'), { env: { CNI_COMMAND: 'ADD', WEFT_CNI_SOCKET: join(folder, `s${index}`), WEFT_CNI_TIMEOUT_MS: '2000' } })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stdin.end('{}')
    const [code] = (await once(child, 'close')) as [number]
    t.is(code, 1)
    t.is((JSON.parse(stdout) as { code: number }).code, 11, `reply ${index}`)
    server.close()
  }
})

test('a configuration of more than 4 MiB is announced instead of sent (3)', async t => {
  make()
  const folder = mkdtempSync(join(tmpdir(), 'weft-shim-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const seen = Promise.withResolvers<ReturnType<typeof readRequest>>()
  const server = createServer(socket => {
    void receiveFrame(socket).then(frame => {
      seen.resolve(readRequest(frame.fields))
      socket.end(formatReply({ exitCode: 1, stdout: '{}' }))
    }, seen.reject)
  }).listen(join(folder, 's'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  const child = spawn(join(FOLDER, 'build', 'weft-cni'), { env: { CNI_COMMAND: 'ADD', WEFT_CNI_SOCKET: join(folder, 's') } })
  child.stdin.on('error', () => {})
  child.stdin.end(Buffer.alloc(5 << 20, ' '))
  t.is((await seen.promise).stdinErrno, 27)
  await once(child, 'close')
})
