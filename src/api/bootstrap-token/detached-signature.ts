// The signatures in ConfigMap cluster-info: JWS compact form without its payload (RFC 7515 appendix F), HMAC-SHA-256 with
// the token's secret as key and its id as key id (k8s.io/cluster-bootstrap/token/jws).

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { BootstrapToken } from './bootstrap-token.ts'

export const signatureKey = ({ id }: Pick<BootstrapToken, 'id'>): string => `jws-kubeconfig-${id}`

const base64url = (text: string): string => Buffer.from(text).toString('base64url')
const macOf = (header: string, content: string, { secret }: BootstrapToken): Buffer =>
  createHmac('sha256', secret).update(`${header}.${base64url(content)}`).digest()

export function signDetached(content: string, token: BootstrapToken): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: token.id }))
  return `${header}..${macOf(header, content, token).toString('base64url')}`
}

/** False for any other content, token, algorithm or shape. */
export function isSignedBy(content: string, signature: string, token: BootstrapToken): boolean {
  const [header = '', payload, mac = '', more] = signature.split('.')
  if (payload !== '' || more !== undefined) return false
  let alg: unknown
  try {
    ({ alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg?: unknown })
  } catch {
    return false
  }
  const [given, wanted] = [Buffer.from(mac, 'base64url'), macOf(header, content, token)]
  return alg === 'HS256' && given.length === wanted.length && timingSafeEqual(given, wanted)
}
