// Runs controllers against the fake API server.

import type { ExecutionContext } from 'ava'
import type { Controller } from '../../../src/controllers/controller.ts'
import { runControllers } from '../../../src/controllers/run-controllers.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { FakeApi } from '../client/fake-api.ts'
import { clientFor, eventually } from '../client/harness.ts'

export { eventually }

export const COLLECTIONS = {
  pods: '/api/v1/pods', services: '/api/v1/services', nodes: '/api/v1/nodes', namespaces: '/api/v1/namespaces', events: '/api/v1/events',
  endpoints: '/api/v1/endpoints', configMaps: '/api/v1/configmaps', serviceAccounts: '/api/v1/serviceaccounts',
  slices: '/apis/discovery.k8s.io/v1/endpointslices', leases: '/apis/coordination.k8s.io/v1/leases',
  replicaSets: '/apis/apps/v1/replicasets', deployments: '/apis/apps/v1/deployments', daemonSets: '/apis/apps/v1/daemonsets',
} as const

/** Starts the controllers and resolves when they are ready; stops them when the test ends. */
export async function startControllers(t: ExecutionContext, api: FakeApi, controllers: readonly Controller[]): Promise<{ stop: () => Promise<void> }> {
  const client = clientFor(api.url)
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  let id = 0
  const running = runControllers({
    client, controllers, log: silentLog(), clock: systemClock, random: () => 0, newId: () => `e${++id}`, signal: stop.signal, onReady: ready.resolve,
  })
  const end = async (): Promise<void> => {
    stop.abort()
    await running
    await client[Symbol.asyncDispose]()
  }
  t.teardown(end)
  await Promise.race([ready.promise, running])
  return { stop: end }
}

export async function fakeApi(t: ExecutionContext): Promise<FakeApi> {
  const api = await new FakeApi().start()
  t.teardown(() => api[Symbol.asyncDispose]())
  return api
}

/** Resolves when nothing has been written for a while: the controllers have settled. */
export async function quiet(api: FakeApi, forMs = 80): Promise<void> {
  let revision = -1
  while (revision !== api.revision) {
    revision = api.revision
    await new Promise(resolve => setTimeout(resolve, forMs))
  }
}
