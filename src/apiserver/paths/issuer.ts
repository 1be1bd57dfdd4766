// What programs elsewhere need to check our service-account tokens: the issuer's configuration (OpenID Connect Discovery
// 1.0, section 4) and its public keys (RFC 7517). Who may read them is RBAC's affair (system:service-account-issuer-discovery).

import type { Exchange } from '../http/exchange.ts'
import type { ServiceAccountTokens } from '../tokens/service-account-tokens.ts'

const CONFIGURATION_PATH = '/.well-known/openid-configuration'
export const KEYS_PATH = '/openid/v1/jwks'
/** kube-apiserver's: verifiers may keep what they read for an hour. */
const HEADERS = { 'cache-control': 'public, max-age=3600' }

/** False when the path is not one of these, or when no tokens are signed here. `keysUri` is what the configuration says. */
export async function serveIssuer(exchange: Exchange, path: string, { tokens, keysUri }: Readonly<{ tokens: ServiceAccountTokens | undefined; keysUri: string }>): Promise<boolean> {
  if (tokens === undefined || (path !== CONFIGURATION_PATH && path !== KEYS_PATH)) return false
  const keys = await tokens.jwks()
  if (path === KEYS_PATH) {
    exchange.send(200, 'application/jwk-set+json', JSON.stringify(keys), HEADERS)
    return true
  }
  const document = {
    issuer: tokens.issuers[0], jwks_uri: keysUri, response_types_supported: ['id_token'], subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.keys.map(({ alg }) => alg))].sort(),
  }
  exchange.send(200, 'application/json', JSON.stringify(document), HEADERS)
  return true
}
