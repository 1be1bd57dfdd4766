// Client certificates: CN is the user, each O a group. The chain to the client CA and the key usage were checked in
// the TLS handshake; here the result is read, and the expiry again, since connections live long.

import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { UserInfo } from '../../api/registry/strategy.ts'
import { unauthorized } from '../../api/status/status.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Authenticator } from './user.ts'

type Identity = Readonly<{ user: UserInfo | undefined; validUntilMs: number; trusted: boolean }>

const NOBODY: Identity = { user: undefined, validUntilMs: Infinity, trusted: true }

export class ClientCertificates implements Authenticator {
  readonly #clock: Clock
  /** One look at the certificate per connection. */
  readonly #identities = new WeakMap<object, Identity>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async authenticate({ request }: Exchange): Promise<UserInfo | undefined> {
    const connection: object = (request.stream as { session?: object } | undefined)?.session ?? request.socket
    let identity = this.#identities.get(connection)
    if (identity === undefined) {
      identity = identityOf(request.socket as TLSSocket)
      this.#identities.set(connection, identity)
    }
    if (!identity.trusted || identity.validUntilMs < this.#clock.now()) throw unauthorized()
    return identity.user
  }
}

function identityOf(socket: TLSSocket): Identity {
  if (typeof socket.getPeerCertificate !== 'function') return NOBODY
  const certificate = socket.getPeerCertificate()
  // Without a certificate Node answers an empty object, and null on a destroyed socket.
  if ((certificate as object | null) === null || Object.keys(certificate).length === 0) return NOBODY
  const { CN: commonName, O: organizations } = certificate.subject as { CN?: string | string[]; O?: string | string[] }
  const groups = organizations === undefined ? [] : [organizations].flat()
  const username = [commonName ?? ''].flat()[0]!
  const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${createHash('sha256').update(certificate.raw).digest('hex')}`] }
  return { user: { username, groups, extra }, validUntilMs: Date.parse(certificate.valid_to), trusted: socket.authorized && username !== '' }
}
