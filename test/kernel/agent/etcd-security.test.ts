import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority, issueCertificate } from '../../../src/ops/certificates/authority.ts'
import { Etcd3Registry } from '../../../src/agent/leases/etcd/etcd3-registry.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'

const run = hasEtcd() ? test.serial : test.serial.skip
const call = { signal: new AbortController().signal }
const none = { key: '', cert: '', ca: '' }
const connection = (url: string, more: object = {}) => ({ endpoints: [url], prefix: '/coreos.com/network', tls: none, username: '', password: '', ...more })

run('T17: etcd is reached over TLS with a CA alone, with a client certificate, and with one that was replaced while running', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-etcd-tls-'))
  try {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 })
      return join(folder, name)
    }
    const authority = await createAuthority({ commonName: 'etcd-ca' })
    const server = await issueCertificate(authority, { commonName: 'etcd', usages: ['server', 'client'], dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
    const [ca, cert, key] = [file('ca.crt', authority.certificatePem), file('server.crt', server.certificatePem), file('server.key', server.privateKeyPem)]
    {
      await using etcd = await EtcdLab.open({ tls: { cert, key, ca } })
      await using registry = new Etcd3Registry(connection(etcd.url, { tls: { ...none, ca } }))
      t.deepEqual((await registry.list(call)).entries, [])
      await using blind = new Etcd3Registry(connection(etcd.url))
      await t.throwsAsync(blind.list(call), { code: 'ETCD_FAILED' })
    }
    await using etcd = await EtcdLab.open({ tls: { cert, key, ca, clientCa: ca } })
    const [stranger, client] = [await createAuthority({ commonName: 'stranger' }), await issueCertificate(authority, { commonName: 'flannel', usages: ['client'] })]
    const wrong = await issueCertificate(stranger, { commonName: 'flannel', usages: ['client'] })
    const tls = { ca, cert: file('client.crt', wrong.certificatePem), key: file('client.key', wrong.privateKeyPem) }
    await using registry = new Etcd3Registry(connection(etcd.url, { tls }))
    await t.throwsAsync(registry.list(call), { code: 'ETCD_FAILED' })
    file('client.crt', client.certificatePem)
    file('client.key', client.privateKeyPem)
    t.deepEqual((await registry.list(call)).entries, [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

run('T17: etcd is reached with user and password; a wrong one is an error that does not show it', async t => {
  await using etcd = await EtcdLab.open()
  const root = etcd.client.user('root')
  await root.create('correct-horse')
  await root.addRole('root')
  await etcd.client.auth.authEnable()
  await using registry = new Etcd3Registry(connection(etcd.url, { username: 'root', password: 'correct-horse' }))
  t.deepEqual((await registry.list(call)).entries, [])
  const leaseId = await registry.grant(60, call)
  t.truthy(await registry.put({ name: '10.3.9.0-24', value: '{}', leaseId, expected: '0' }, call))
  await using wrong = new Etcd3Registry(connection(etcd.url, { username: 'root', password: 'wrong-horse' }))
  const error = await t.throwsAsync(wrong.list(call), { code: 'ETCD_FAILED' })
  t.notRegex(`${error!.message} ${JSON.stringify(error)}`, /wrong-horse/)
})
