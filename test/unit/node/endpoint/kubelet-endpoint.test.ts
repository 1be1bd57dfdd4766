// Logs over the node's own port: who may read them, from where on, and until when.

import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { runFolder } from '../../../../src/node/endpoint/container-log.ts'
import { KubeletEndpoint } from '../../../../src/node/endpoint/kubelet-endpoint.ts'
import { createAuthority, issueCertificate, type KeyPair } from '../../../../src/ops/certificates/authority.ts'
import { systemClock } from '../../../../src/ops/clock.ts'
import { openLog } from '../../../../src/ops/log.ts'

const authority = await createAuthority({ commonName: 'test' })
const server = await issueCertificate(authority, { commonName: 'system:node:n', usages: ['server'], ipAddresses: ['127.0.0.1'] })
const master = await issueCertificate(authority, { commonName: 'api', organizations: ['system:masters'], usages: ['client'] })
const LOGS = '/containerLogs/default/web/c'

async function open(t: ExecutionContext): Promise<{ folder: string; ask: (path: string, keys?: KeyPair) => Promise<IncomingMessage> }> {
  const containers = mkdtempSync(join(tmpdir(), 'weft-logs-'))
  const endpoint = await KubeletEndpoint.open({
    address: '127.0.0.1', port: 0, certificatePem: server.certificatePem, privateKeyPem: server.privateKeyPem, clientCaPem: authority.certificatePem,
    containersOf: (namespace, pod) => (namespace === 'default' && pod === 'web' ? containers : undefined), clock: systemClock, log: openLog({ level: 'error' }),
  })
  t.teardown(async () => {
    await endpoint[Symbol.asyncDispose]()
    rmSync(containers, { recursive: true, force: true })
  })
  for (const [run, text] of [['c.9', 'old\n'], ['c.10', 'one\ntwo\nthree\n']] as const) {
    mkdirSync(join(containers, run))
    writeFileSync(join(containers, run, 'log'), text)
  }
  return {
    folder: join(containers, 'c.10'),
    ask: async (path, keys: KeyPair | undefined = master) => {
      const sent = request({ host: '127.0.0.1', port: endpoint.port, path, ca: authority.certificatePem, cert: keys.certificatePem, key: keys.privateKeyPem, agent: false }).end()
      return (await once(sent, 'response') as [IncomingMessage])[0]
    },
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of message.setEncoding('utf8')) text += String(chunk)
  return text
}

test('the newest run is shown, the one before it on request, and its last lines or first bytes', async t => {
  const { ask } = await open(t)
  t.is(await textOf(await ask(LOGS)), 'one\ntwo\nthree\n')
  t.is(await textOf(await ask(`${LOGS}?previous=true`)), 'old\n')
  t.is(await textOf(await ask(`${LOGS}?tailLines=2`)), 'two\nthree\n')
  t.is(await textOf(await ask(`${LOGS}?tailLines=0`)), '')
  t.is(await textOf(await ask(`${LOGS}?limitBytes=5`)), 'one\nt')
})

test('a follower gets what is added, until the container has ended', async t => {
  const { folder, ask } = await open(t)
  const answer = await ask(`${LOGS}?follow=true&tailLines=1`)
  t.is(String((await once(answer, 'data'))[0]), 'three\n')
  const rest = textOf(answer)
  appendFileSync(join(folder, 'log'), 'four\n')
  writeFileSync(join(folder, 'exit'), '0')
  t.is(await rest, 'four\n')
})

test('only the group system:masters of the cluster\'s authority may read, and only logs', async t => {
  const { ask } = await open(t)
  const stranger = await createAuthority({ commonName: 'other' })
  const keys = (from: KeyPair, organization: string): Promise<KeyPair> => issueCertificate(from, { commonName: 'x', organizations: [organization], usages: ['client'] })
  t.is((await ask(LOGS, await keys(authority, 'system:nodes'))).statusCode, 403)
  t.is((await ask(LOGS, await keys(stranger, 'system:masters'))).statusCode, 401)
  t.is((await ask('/exec/default/web/c?command=id')).statusCode, 404)
  t.is((await ask('/containerLogs/default/none/c')).statusCode, 400)
  t.is((await ask('/containerLogs/default/web/../../../etc')).statusCode, 404)
  t.regex(await textOf(await ask(`${LOGS}?timestamps=true`)), /without times/)
})

test('the last N lines are the last N lines, whatever the lines are', async t => {
  const { folder, ask } = await open(t)
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ maxLength: 40 }).map(text => text.replaceAll('\n', '')), { minLength: 1, maxLength: 30 }), fc.nat({ max: 12 }), fc.boolean(), async (lines, wanted, ended) => {
    writeFileSync(join(folder, 'log'), lines.join('\n') + (ended ? '\n' : ''))
    const whole = lines.map(line => `${line}\n`)
    if (!ended) whole[whole.length - 1] = lines.at(-1)!
    const shown = whole.at(-1) === '' ? whole.slice(0, -1) : whole
    t.is(await textOf(await ask(`${LOGS}?tailLines=${wanted}`)), wanted === 0 ? '' : shown.slice(-wanted).join(''))
  }), { numRuns: 60 })
})

test('a container\'s runs are told apart from those of containers with longer names', async t => {
  const { folder } = await open(t)
  mkdirSync(join(folder, '..', 'c-c.99'))
  t.is(await runFolder(join(folder, '..'), 'c', false), folder)
  t.is(await runFolder(join(folder, '..'), 'd', false), undefined)
})
