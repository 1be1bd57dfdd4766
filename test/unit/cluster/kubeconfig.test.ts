import test from 'ava'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadKubeconfig } from '../../../src/client/kubeconfig/load.ts'
import { createAuthority, issueCertificate } from '../../../src/ops/certificates/authority.ts'
import { formatKubeconfig } from '../../../src/client/kubeconfig/format.ts'

test('a kubeconfig is read back by the client with server, authority and certificate', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-kubeconfig-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const authority = await createAuthority({ commonName: 'test' })
  const keys = await issueCertificate(authority, { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] })
  const path = join(folder, 'kubeconfig')
  writeFileSync(path, formatKubeconfig({ context: 'weft-test', server: 'https://172.30.0.11:6443', authorityPem: authority.certificatePem, user: 'kubernetes-admin', keys }))
  const config = await loadKubeconfig({ path })
  t.is(config.server.href, 'https://172.30.0.11:6443/')
  t.deepEqual(config.trust, { ca: { pem: authority.certificatePem }, serverName: undefined, insecureSkipVerify: false })
  const presented = await config.credentials.present({ signal: new AbortController().signal })
  t.deepEqual(presented.clientCertificate, { cert: keys.certificatePem, key: keys.privateKeyPem })
})
