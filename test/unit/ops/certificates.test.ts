import { X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import test from 'ava'
import { createAuthority, issueCertificate, type KeyPair } from '../../../src/ops/certificates/authority.ts'

const handshake = async (parts: { trusted: KeyPair; server: KeyPair; client: KeyPair; name: string }): Promise<{ peer: string; organizations: unknown }> => {
  const server = createServer({
    cert: parts.server.certificatePem, key: parts.server.privateKeyPem, ca: parts.trusted.certificatePem, requestCert: true, rejectUnauthorized: true,
  })
  try {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const accepted = new Promise<TLSSocket>(resolve => server.once('secureConnection', resolve))
    const { port } = server.address() as { port: number }
    const socket = connect({
      port, host: '127.0.0.1', servername: parts.name, ca: parts.trusted.certificatePem, cert: parts.client.certificatePem, key: parts.client.privateKeyPem,
    })
    try {
      await once(socket, 'secureConnect')
      const subject = (await accepted).getPeerCertificate().subject
      return { peer: subject.CN as string, organizations: subject.O }
    } finally {
      socket.destroy()
    }
  } finally {
    server.close()
  }
}

test('server and client certified by one authority shake hands, and the server reads user and groups', async t => {
  const authority = await createAuthority({ commonName: 'weft-ca' })
  const server = await issueCertificate(authority, { commonName: 'apiserver', usages: ['server'], dnsNames: ['kubernetes.default.svc'], ipAddresses: ['127.0.0.1', 'fd00::1'] })
  const client = await issueCertificate(authority, { commonName: 'system:node:n1', organizations: ['system:nodes', 'ops'], usages: ['client'] })
  t.deepEqual(await handshake({ trusted: authority, server, client, name: 'kubernetes.default.svc' }), { peer: 'system:node:n1', organizations: ['system:nodes', 'ops'] })
})

test('a certificate of another authority is refused', async t => {
  const [ours, theirs] = await Promise.all([createAuthority({ commonName: 'same' }), createAuthority({ commonName: 'same' })])
  const server = await issueCertificate(theirs, { commonName: 'apiserver', usages: ['server'], dnsNames: ['localhost'] })
  const client = await issueCertificate(ours, { commonName: 'a', usages: ['client'] })
  await t.throwsAsync(handshake({ trusted: ours, server, client, name: 'localhost' }))
})

test('a certificate names its addresses, chains to its authority and is no authority itself', async t => {
  const authority = await createAuthority({ commonName: 'weft-ca' })
  const issued = new X509Certificate((await issueCertificate(authority, { commonName: 'x', usages: ['server', 'client'], ipAddresses: ['10.96.0.1'] })).certificatePem)
  const root = new X509Certificate(authority.certificatePem)
  t.true(root.ca)
  t.false(issued.ca)
  t.true(issued.checkIssued(root) && issued.verify(root.publicKey))
  t.is(issued.checkIP('10.96.0.1'), '10.96.0.1')
  t.is(issued.checkIP('10.96.0.2'), undefined)
})

test('a server certificate without a name is refused', async t => {
  const authority = await createAuthority({ commonName: 'weft-ca' })
  await t.throwsAsync(issueCertificate(authority, { commonName: 'x', usages: ['server'] }), { code: 'INVALID_INPUT' })
})
