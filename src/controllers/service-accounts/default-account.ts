// Every namespace has a ServiceAccount named `default`, which pods use that name none
// (kube-controller-manager's serviceaccount-controller).

import { isAlreadyExists, isNotFound } from '../../client/errors.ts'
import { NAMESPACES, SERVICE_ACCOUNTS } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller } from '../controller.ts'

const ACCOUNT = 'default'

export const serviceAccountController = (): Controller => ({
  name: 'serviceaccount-controller',
  run: async context => {
    const namespaces = context.informers.of(NAMESPACES)
    const accounts = context.informers.of(SERVICE_ACCOUNTS)
    const queue = new WorkQueue(context)
    const stop = [
      namespaces.onChange(change => change.type !== 'deleted' && queue.add(change.key)),
      accounts.onChange(change => change.type === 'deleted' && change.object.metadata.name === ACCOUNT && queue.add(change.object.metadata.namespace ?? '')),
    ]
    try {
      if (!(await allSynced(context, [namespaces, accounts]))) return
      await processQueue(context, {
        queue, concurrency: 1,
        work: async (name, signal) => {
          const namespace = namespaces.cache.get(name)
          if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return
          if (accounts.cache.get(`${name}/${ACCOUNT}`) !== undefined) return
          try {
            await context.client.create(SERVICE_ACCOUNTS, { metadata: { name: ACCOUNT, namespace: name } }, { signal })
          } catch (error) {
            if (!isAlreadyExists(error) && !isNotFound(error)) throw error
          }
        },
      })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      queue.close()
    }
  },
})
