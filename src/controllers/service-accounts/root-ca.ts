// Every namespace has a ConfigMap `kube-root-ca.crt`, so that pods can trust the API server
// (kube-controller-manager's root-ca-certificate-publisher-controller, KEP-1205).

import { isAlreadyExists, isNotFound } from '../../client/errors.ts'
import { startInformer } from '../../client/informer/informer.ts'
import { CONFIG_MAPS, NAMESPACES } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { allSynced, processQueue, type Controller } from '../controller.ts'

const CONFIG_MAP = 'kube-root-ca.crt'
const KEY = 'ca.crt'
const DESCRIPTION = { 'kubernetes.io/description': 'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.' }

/** `caBundle` is PEM. */
export const rootCaController = (caBundle: string): Controller => ({
  name: 'root-ca-certificate-publisher-controller',
  run: async context => {
    const { client, log, clock, signal } = context
    const namespaces = context.informers.of(NAMESPACES)
    // Only these, not every ConfigMap of the cluster.
    const maps = startInformer({ client, resource: CONFIG_MAPS, fieldSelector: `metadata.name=${CONFIG_MAP}`, log, clock, signal })
    const queue = new WorkQueue(context)
    const stop = [
      namespaces.onChange(change => change.type !== 'deleted' && queue.add(change.key)),
      maps.onChange(change => queue.add(change.object.metadata.namespace ?? '')),
    ]
    try {
      if (!(await allSynced(context, [namespaces, maps]))) return
      await processQueue(context, { queue, concurrency: 1, work: publish })
    } finally {
      for (const unsubscribe of stop) unsubscribe()
      queue.close()
      await maps.stopped
    }

    async function publish(namespace: string): Promise<void> {
      const found = namespaces.cache.get(namespace)
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return
      const current = maps.cache.get(`${namespace}/${CONFIG_MAP}`)
      try {
        if (current === undefined) {
          await client.create(CONFIG_MAPS, { metadata: { name: CONFIG_MAP, namespace, annotations: DESCRIPTION }, data: { [KEY]: caBundle } }, { signal })
        } else if (current.data?.[KEY] !== caBundle || Object.keys(current.data).length !== 1) {
          await client.update(CONFIG_MAPS, { ...current, data: { [KEY]: caBundle } }, { signal })
        }
      } catch (error) {
        if (!isAlreadyExists(error) && !isNotFound(error)) throw error
      }
    }
  },
})
