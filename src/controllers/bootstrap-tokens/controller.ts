// Bootstrap tokens: ConfigMap kube-public/cluster-info carries a signature by each of them, and expired ones go
// (kube-controller-manager's bootstrap-signer-controller and token-cleaner-controller).

import type { ConfigMap, Secret } from 'kubernetes-types/core/v1.js'
import { CLUSTER_INFO, isExpired, readTokenSecret, TOKEN_NAMESPACE, TOKEN_SECRET_TYPE, type TokenRecord } from '../../api/bootstrap-token/bootstrap-token.ts'
import { signatureKey, signDetached } from '../../api/bootstrap-token/detached-signature.ts'
import { isConflict, isNotFound } from '../../client/errors.ts'
import { startInformer, type Informer } from '../../client/informer/informer.ts'
import type { Stored } from '../../client/objects.ts'
import { CONFIG_MAPS, SECRETS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'

type Secrets = Informer<Stored<Secret>>

/** Timers of Node.js count up to 24 days. */
const DAY_MS = 86_400_000
const KUBECONFIG = 'kubeconfig'
const INFO_KEY = `${CLUSTER_INFO.namespace}/${CLUSTER_INFO.name}`

export const bootstrapSignerController = (): Controller => ({
  name: 'bootstrap-signer-controller',
  run: context => withTokens(context, async secrets => {
    const { client, clock, log, signal } = context
    const infos = startInformer<ConfigMap>({ client, resource: CONFIG_MAPS, namespace: CLUSTER_INFO.namespace, fieldSelector: `metadata.name=${CLUSTER_INFO.name}`, log, clock, signal })
    const queue = new WorkQueue(context)
    const stop = [secrets.onChange(() => queue.add(INFO_KEY)), infos.onChange(() => queue.add(INFO_KEY))]
    try {
      if (!(await allSynced(context, [secrets, infos]))) return
      await processQueue(context, {
        queue, concurrency: 1,
        work: async () => {
          const info = infos.cache.get(INFO_KEY)
          if (info === undefined) return
          const data = signedData(info.data ?? {}, recordsOf(secrets).filter(record => record.usages.includes('signing') && !isExpired(record, clock.now())))
          if (sameData(data, info.data ?? {})) return
          await client.update(CONFIG_MAPS, { ...info, data }, { signal })
        },
      })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      queue.close()
      await infos.stopped
    }
  }),
})

export const tokenCleanerController = (): Controller => ({
  name: 'token-cleaner-controller',
  run: context => withTokens(context, async secrets => {
    const { client, clock, log, signal } = context
    const queue = new WorkQueue(context)
    const stop = secrets.onChange(change => change.type !== 'deleted' && queue.add(change.key))
    try {
      if (!(await allSynced(context, [secrets]))) return
      await processQueue(context, {
        queue, concurrency: 1,
        work: async key => {
          const secret = secrets.cache.get(key)
          const record = secret === undefined ? undefined : readTokenSecret(secret)
          if (secret === undefined || record?.expiresAtMs === undefined) return
          if (!isExpired(record, clock.now())) return queue.addAfter(key, Math.min(record.expiresAtMs - clock.now(), DAY_MS))
          try {
            await client.delete(SECRETS, secret.metadata, { signal, preconditions: { uid: secret.metadata.uid, resourceVersion: secret.metadata.resourceVersion } })
            log.info({ token: record.token.id }, 'removed an expired bootstrap token')
          } catch (error) {
            if (!isConflict(error) && !isNotFound(error)) throw error
          }
        },
      })
    } finally {
      stop()
      queue.close()
    }
  }),
})

/** Runs with the Secrets of tokens only: others are nobody's business here. */
async function withTokens({ client, clock, log, signal }: ControllerContext, work: (secrets: Secrets) => Promise<void>): Promise<void> {
  const secrets = startInformer<Secret>({ client, resource: SECRETS, namespace: TOKEN_NAMESPACE, fieldSelector: `type=${TOKEN_SECRET_TYPE}`, log, clock, signal })
  try {
    await work(secrets)
  } finally {
    await secrets.stopped
  }
}

const recordsOf = (secrets: Secrets): readonly TokenRecord[] =>
  [...secrets.cache.values()].flatMap(secret => (secret.metadata.deletionTimestamp === undefined ? [readTokenSecret(secret) ?? []].flat() : []))

/** The data with one signature per token and none of tokens that are gone. */
export function signedData(data: Readonly<Record<string, string>>, tokens: readonly TokenRecord[]): Record<string, string> {
  const content = data[KUBECONFIG]
  const others = Object.entries(data).filter(([key]) => !key.startsWith(signatureKey({ id: '' })))
  const signatures = content === undefined ? [] : tokens.map(({ token }) => [signatureKey(token), signDetached(content, token)])
  return Object.fromEntries([...others, ...signatures]) as Record<string, string>
}

const sameData = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([key, value]) => other[key] === value)
