// `Authorization: Bearer ‹id›.‹secret›`: a machine that joins, known by a Secret in kube-system
// (k8s.io/kubernetes/plugin/pkg/auth/authenticator/token/bootstrap).

import { timingSafeEqual } from 'node:crypto'
import type { Secret } from 'kubernetes-types/core/v1.d.ts'
import { BOOTSTRAPPERS_GROUP, isExpired, readBootstrapToken, readTokenSecret, secretName, TOKEN_NAMESPACE } from '../../api/bootstrap-token/bootstrap-token.ts'
import type { UserInfo } from '../../api/registry/strategy.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Catalog } from '../catalog.ts'
import type { ObjectStore } from '../objects/object-store.ts'

export class BootstrapTokens {
  readonly #options: Readonly<{ objects: ObjectStore; catalog: Catalog; clock: Clock }>

  constructor(options: Readonly<{ objects: ObjectStore; catalog: Catalog; clock: Clock }>) {
    this.#options = options
  }

  /** Asked anew for every request: a deleted or expired token ends at once. Undefined when it is not good. */
  async userOf(text: string, signal: AbortSignal): Promise<UserInfo | undefined> {
    const { objects, catalog, clock } = this.#options
    const token = readBootstrapToken(text)
    if (token === undefined) return undefined
    const stored = await objects.read(catalog.builtin('', 'secrets'), { namespace: TOKEN_NAMESPACE, name: secretName(token) }, { signal })
    if (stored === undefined || stored.object.metadata.deletionTimestamp !== undefined) return undefined
    const record = readTokenSecret(stored.object as unknown as Secret)
    if (record === undefined || !timingSafeEqual(Buffer.from(record.token.secret), Buffer.from(token.secret))) return undefined
    if (isExpired(record, clock.now()) || !record.usages.includes('authentication')) return undefined
    return { username: `system:bootstrap:${token.id}`, groups: [BOOTSTRAPPERS_GROUP, ...record.groups] }
  }
}
