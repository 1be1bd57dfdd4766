// `Authorization: Bearer …`: static tokens from a file, bootstrap tokens, and service-account tokens.

import { createHash } from 'node:crypto'
import type { UserInfo } from '../../api/registry/strategy.ts'
import type { ApiObject } from '../../api/object.ts'
import { unauthorized } from '../../api/status/status.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Catalog } from '../catalog.ts'
import type { Exchange } from '../http/exchange.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { BoundObject, ServiceAccountTokens, TokenSubject } from '../tokens/service-account-tokens.ts'
import type { BootstrapTokens } from './bootstrap-token.ts'
import type { Authenticator } from './user.ts'

/** A verified token, with the audiences it is good for. */
export type TokenReview = Readonly<{ user: UserInfo; audiences: readonly string[] }>

type Options = Readonly<{
  /** By token. */
  staticTokens: ReadonlyMap<string, UserInfo>
  bootstrap: BootstrapTokens
  serviceAccounts: ServiceAccountTokens | undefined
  objects: ObjectStore
  catalog: Catalog
  clock: Clock
}>

/** A signature is checked once in this time (kube-apiserver's token cache keeps successes for 10 s). */
const CACHE_MS = 10_000
const CACHE_MAX = 10_000
/** How long a token outlives the service account or pod that it is bound to (upstream's 60 s leeway for clean-up). */
const DELETED_LEEWAY_MS = 60_000

export class BearerTokens implements Authenticator {
  readonly #options: Options
  readonly #cache = new Map<string, { review: TokenReview; untilMs: number }>()

  constructor(options: Options) {
    this.#options = options
  }

  async authenticate({ headers, signal }: Exchange): Promise<UserInfo | undefined> {
    const header = headers.authorization
    if (header === undefined) return undefined
    const match = /^Bearer +(\S+) *$/i.exec(header)
    if (match === null) {
      if (/^Bearer\b/i.test(header)) throw unauthorized()
      return undefined
    }
    const review = await this.review(match[1]!, this.#options.serviceAccounts?.audiences ?? [], signal)
    if (review === undefined) throw unauthorized()
    return review.user
  }

  /** Who a token's bearer is, if it is good for one of the audiences; undefined when it is not good. */
  async review(token: string, audiences: readonly string[], signal: AbortSignal): Promise<TokenReview | undefined> {
    const fixed = this.#options.staticTokens.get(token)
    if (fixed !== undefined) return { user: fixed, audiences: [...audiences] }
    const joining = await this.#options.bootstrap.userOf(token, signal)
    if (joining !== undefined) return { user: joining, audiences: [...audiences] }
    const now = this.#options.clock.now()
    const cacheKey = createHash('sha256').update(token).update('\0').update(audiences.join('\0')).digest('base64')
    const kept = this.#cache.get(cacheKey)
    if (kept !== undefined && kept.untilMs > now) return kept.review
    const review = await this.#verify(token, audiences, now, signal)
    if (review === undefined) return undefined
    if (this.#cache.size >= CACHE_MAX) this.#cache.clear()
    this.#cache.set(cacheKey, review)
    return review.review
  }

  async #verify(token: string, audiences: readonly string[], now: number, signal: AbortSignal): Promise<{ review: TokenReview; untilMs: number } | undefined> {
    const { serviceAccounts } = this.#options
    if (serviceAccounts === undefined) return undefined
    let verified
    try {
      verified = await serviceAccounts.verify(token, now)
    } catch {
      return undefined
    }
    if (verified === undefined) return undefined
    const shared = verified.audiences.filter(audience => audiences.includes(audience))
    if (shared.length === 0 || !await this.#isAlive(verified.subject, now, signal)) return undefined
    return { review: { user: userOf(verified.subject, verified.id), audiences: shared }, untilMs: Math.min(now + CACHE_MS, verified.expiresAtMs) }
  }

  /** The service account, and whatever else the token is bound to, must be there under the same uid. */
  async #isAlive(subject: TokenSubject, now: number, signal: AbortSignal): Promise<boolean> {
    const { objects, catalog } = this.#options
    const present = async (plural: string, namespace: string, bound: BoundObject | undefined): Promise<boolean> => {
      if (bound === undefined) return true
      const stored = await objects.read(catalog.builtin('', plural), { namespace, name: bound.name }, { signal })
      return stored !== undefined && stored.object.metadata.uid === bound.uid && !longDeleted(stored.object, now)
    }
    return await present('serviceaccounts', subject.namespace, subject.serviceAccount) && await present('pods', subject.namespace, subject.pod) &&
      await present('secrets', subject.namespace, subject.secret) && (subject.pod !== undefined || await present('nodes', '', subject.node))
  }
}

const longDeleted = ({ metadata }: ApiObject, now: number): boolean =>
  metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) + DELETED_LEEWAY_MS < now

function userOf({ namespace, serviceAccount, pod, node }: TokenSubject, id: string | undefined): UserInfo {
  const extra: Record<string, readonly string[]> = {
    ...(id === undefined ? {} : { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] }),
    ...(pod === undefined ? {} : { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }),
    ...(node === undefined ? {} : { 'authentication.kubernetes.io/node-name': [node.name], 'authentication.kubernetes.io/node-uid': [node.uid] }),
  }
  return {
    username: `system:serviceaccount:${namespace}:${serviceAccount.name}`, uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`], extra,
  }
}

/** Reads a token file of lines `token,user,uid,"group1,group2"`. */
export function parseTokenFile(text: string): ReadonlyMap<string, UserInfo> {
  const tokens = new Map<string, UserInfo>()
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const fields = [...line.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)].map(match => (match[1] ?? match[2] ?? '').replaceAll('""', '"').trim())
    const [token, username, uid, groups] = fields
    if (token === undefined || token === '' || username === undefined || username === '') continue
    tokens.set(token, { username, ...(uid === undefined || uid === '' ? {} : { uid }), groups: (groups ?? '').split(',').map(group => group.trim()).filter(group => group !== '') })
  }
  return tokens
}
