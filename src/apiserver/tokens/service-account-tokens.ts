// Service-account tokens: JWTs (RFC 7519) that this server signs and verifies. Claims as kube-apiserver's
// (k8s.io/kubernetes/pkg/serviceaccount/claims.go).

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, exportJWK, jwtVerify, SignJWT, type JSONWebKeySet, type JWTPayload } from 'jose'
import { InputError } from '../../ops/errors.ts'

export type BoundObject = Readonly<{ name: string; uid: string }>

/** What a token says about its bearer. */
export type TokenSubject = Readonly<{
  namespace: string
  serviceAccount: BoundObject
  pod?: BoundObject
  node?: BoundObject
  secret?: BoundObject
}>

export type TokenRequest = Readonly<{ subject: TokenSubject; audiences: readonly string[]; expiresAtSeconds: number; nowSeconds: number; id: string; warnAfterSeconds?: number }>
export type VerifiedToken = Readonly<{ subject: TokenSubject; audiences: readonly string[]; id: string | undefined; expiresAtMs: number }>

type Key = Readonly<{ key: KeyObject; algorithm: string; id: string }>

/** JWS algorithms by key type (RFC 7518 section 3.1). */
const EC_ALGORITHMS: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

export class ServiceAccountTokens {
  /** The first signs; tokens of all are accepted. */
  readonly issuers: readonly string[]
  /** What a token must be meant for to be good here. */
  readonly audiences: readonly string[]
  readonly #signing: Key
  readonly #verifying: ReadonlyMap<string, Key>

  /** Throws InputError when a key cannot be read. */
  constructor(options: Readonly<{ issuers: readonly string[]; audiences: readonly string[]; signingKeyPem: string; verifyingKeyPems: readonly string[] }>) {
    this.issuers = options.issuers
    this.audiences = options.audiences
    this.#signing = describeKey(readKey('--service-account-signing-key-file', options.signingKeyPem, createPrivateKey))
    const all = [createPublicKey(this.#signing.key), ...options.verifyingKeyPems.map(pem => readKey('--service-account-key-file', pem, createPublicKey))]
    this.#verifying = new Map(all.map(describeKey).map(key => [key.id, key]))
  }

  async sign({ subject, audiences, expiresAtSeconds, nowSeconds, id, warnAfterSeconds }: TokenRequest): Promise<string> {
    const { namespace, serviceAccount, pod, node, secret } = subject
    const bound = {
      namespace, serviceaccount: serviceAccount, ...(pod === undefined ? {} : { pod }), ...(node === undefined ? {} : { node }), ...(secret === undefined ? {} : { secret }),
      ...(warnAfterSeconds === undefined ? {} : { warnafter: warnAfterSeconds }),
    }
    return new SignJWT({ 'kubernetes.io': bound })
      .setProtectedHeader({ alg: this.#signing.algorithm, kid: this.#signing.id })
      .setIssuer(this.issuers[0]!).setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`).setAudience([...audiences])
      .setIssuedAt(nowSeconds).setNotBefore(nowSeconds).setExpirationTime(expiresAtSeconds).setJti(id)
      .sign(this.#signing.key)
  }

  /** Undefined when the text is not a token of ours: another format, issuer or key. Throws when it is one and is not good. */
  async verify(token: string, nowMs: number): Promise<VerifiedToken | undefined> {
    const key = this.#keyOf(token)
    if (key === undefined) return undefined
    const { payload } = await jwtVerify(token, key.key, {
      algorithms: [key.algorithm], issuer: [...this.issuers], currentDate: new Date(nowMs), requiredClaims: ['exp', 'iat', 'sub', 'kubernetes.io'],
    })
    const subject = subjectOf(payload)
    if (payload.sub !== `system:serviceaccount:${subject.namespace}:${subject.serviceAccount.name}`) throw new TypeError('the token\'s subject is not the service account that it names')
    return { subject, audiences: [payload.aud ?? []].flat(), id: payload.jti, expiresAtMs: payload.exp! * 1000 }
  }

  /** The public keys, for those who verify our tokens elsewhere (RFC 7517). */
  async jwks(): Promise<JSONWebKeySet> {
    return { keys: await Promise.all([...this.#verifying.values()].map(async ({ key, algorithm, id }) => ({ ...await exportJWK(key), use: 'sig', kid: id, alg: algorithm }))) }
  }

  #keyOf(token: string): Key | undefined {
    if (token.split('.').length !== 3) return undefined
    try {
      const { kid } = decodeProtectedHeader(token)
      return kid === undefined ? undefined : this.#verifying.get(kid)
    } catch {
      return undefined
    }
  }
}

function subjectOf(payload: JWTPayload): TokenSubject {
  const claims = payload['kubernetes.io'] as Record<string, unknown> | undefined
  const bound = (value: unknown): BoundObject | undefined => {
    const object = value as { name?: unknown; uid?: unknown } | undefined
    return typeof object?.name === 'string' && typeof object.uid === 'string' ? { name: object.name, uid: object.uid } : undefined
  }
  const serviceAccount = bound(claims?.['serviceaccount'])
  const namespace = claims?.['namespace']
  if (serviceAccount === undefined || typeof namespace !== 'string') throw new TypeError('the token names no service account')
  const pod = bound(claims?.['pod'])
  const node = bound(claims?.['node'])
  const secret = bound(claims?.['secret'])
  return { namespace, serviceAccount, ...(pod === undefined ? {} : { pod }), ...(node === undefined ? {} : { node }), ...(secret === undefined ? {} : { secret }) }
}

function readKey(flag: string, pem: string, read: (pem: string) => KeyObject): KeyObject {
  try {
    return read(pem)
  } catch (cause) {
    throw new InputError(flag, '(a PEM file)', 'holds no key that can be read: give an RSA or ECDSA key', { cause })
  }
}

function describeKey(key: KeyObject): Key {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const algorithm = key.asymmetricKeyType === 'rsa' ? 'RS256' : EC_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm === undefined) throw new InputError('--service-account-signing-key-file', key.asymmetricKeyType, 'is neither an RSA nor a P-256, P-384 or P-521 key')
  // Upstream's key id: the hash of the public key's DER form.
  return { key, algorithm, id: createHash('sha256').update(publicKey.export({ format: 'der', type: 'spki' })).digest('base64url') }
}
