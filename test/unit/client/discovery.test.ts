import test from 'ava'
import { discoverResources } from '../../../src/client/discovery.ts'
import { resourceName } from '../../../src/client/resources.ts'
import { FakeApi, answer, status } from './fake-api.ts'
import { clientFor } from './harness.ts'

const signal = new AbortController().signal

test('aggregated discovery gives every resource once, in its preferred version, and names stale groups', async t => {
  await using api = await new FakeApi().start()
  await using client = clientFor(api.url)
  const entry = (resource: string, kind: string, scope = 'Namespaced') => ({ resource, responseKind: { kind }, scope, verbs: ['get', 'list'] })
  api.intercept = (seen, reply) => {
    const items = seen.path === '/api'
      ? [{ versions: [{ version: 'v1', resources: [entry('pods', 'Pod'), entry('nodes', 'Node', 'Cluster')] }] }]
      : [
          { metadata: { name: 'autoscaling' }, versions: [{ version: 'v2', resources: [entry('horizontalpodautoscalers', 'HorizontalPodAutoscaler')] }, { version: 'v1', resources: [entry('horizontalpodautoscalers', 'HorizontalPodAutoscaler')] }] },
          { metadata: { name: 'metrics.k8s.io' }, versions: [{ version: 'v1beta1', freshness: 'Stale' }] },
        ]
    answer(reply, 200, { kind: 'APIGroupDiscoveryList', items })
    return true
  }
  const { resources, failures } = await discoverResources(client, { signal })
  t.deepEqual(resources.map(resource => [resourceName(resource), resource.version, resource.namespaced]), [['pods', 'v1', true], ['nodes', 'v1', false], ['horizontalpodautoscalers.autoscaling', 'v2', true]])
  t.deepEqual(failures.map(failure => failure.groupVersion), ['metrics.k8s.io/v1beta1'])
})

test('a server without aggregated discovery is asked group by group, and one that fails is named', async t => {
  await using api = await new FakeApi().start()
  await using client = clientFor(api.url)
  api.intercept = (seen, reply) => {
    const list = (resources: object[]): boolean => (answer(reply, 200, { kind: 'APIResourceList', resources }), true)
    switch (seen.path) {
      case '/api': return answer(reply, 200, { kind: 'APIVersions', versions: ['v1'] }), true
      case '/apis': return answer(reply, 200, { kind: 'APIGroupList', groups: [{ name: 'apps', versions: [{ groupVersion: 'apps/v1' }], preferredVersion: { groupVersion: 'apps/v1' } }, { name: 'bad', versions: [{ groupVersion: 'bad/v1' }] }] }), true
      case '/api/v1': return list([{ name: 'pods', kind: 'Pod', namespaced: true, verbs: ['get'] }, { name: 'pods/status', kind: 'Pod', namespaced: true, verbs: ['get'] }])
      case '/apis/apps/v1': return list([{ name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['get'] }])
      default: return status(reply, 503, 'ServiceUnavailable', 'away'), true
    }
  }
  const { resources, failures } = await discoverResources(client, { signal })
  t.deepEqual(resources.map(resourceName), ['pods', 'deployments.apps'])
  t.deepEqual(failures, [{ groupVersion: 'bad/v1', message: 'away' }])
})
