// The whole `weft proxy` process in iptables mode against a real API server, with packets.

import { writeFileSync } from 'node:fs'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { answering, IP, openProxyWorld, service, slice } from './proxy-world.ts'

test.serial('a service follows the API server: cluster IP and node port, TCP and UDP, refused without endpoints', async t => {
  await using world = await openProxyWorld()
  const { lab, pods, proxy, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP, { type: 'NodePort', ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }, { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP', nodePort: 30053 }] }))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 }).then(() => 'answered', error => error.code)) === 'ECONNREFUSED' || 'not refused')
  await apply(slice('web', [a!, b!, c!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  t.deepEqual(await answering(() => a!.tcp(IP, 80)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => a!.udp(IP, 53)), ['a', 'b', 'c'])
  for (const address of [lab.host(1).address, '127.0.0.1']) t.deepEqual(await answering(() => lab.host(1).tcp(address, 30_080)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => lab.host(2).tcp(lab.host(1).address, 30_080)), ['a', 'b', 'c'])
  t.deepEqual(await answering(() => lab.host(2).udp(lab.host(1).address, 30_053)), ['a', 'b', 'c'])
  const { status, body } = await proxy.health()
  t.is(status, 200)
  t.like(JSON.parse(body), { healthy: true, nodeEligible: true, status: { IPv4: { healthy: true } } })
  t.is((await proxy.operations('/proxyMode')).body, 'iptables')
  t.is((await proxy.operations('/healthz')).body, 'ok')
  t.regex((await proxy.operations('/metrics/slis')).body, /^kubernetes_healthcheck\{name="ping",type="healthz"\} 1$/m)
  t.is((await proxy.operations('/debug/pprof/heap')).status, 404)
  t.true((await proxy.metric('kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"}')) > 5)
  t.is(await proxy.metric('kubeproxy_iptables_localhost_nodeports_accepted_packets_total'), 40)
})

test.serial('killed and started again, the proxy interrupts nothing and rewrites nothing (scenario 105)', async t => {
  await using world = await openProxyWorld()
  const { lab, pods, proxy, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP), slice('web', [b!, c!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await using connection = await a!.openTcp(IP, 80)
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await proxy.stop(signal)
    t.deepEqual(await answering(() => a!.tcp(IP, 80), 20), ['b', 'c'])
    const before = (await lab.host(1).exec(['iptables-save', '-c'])).stdout
    proxy.start()
    await proxy.ready()
    t.is(await connection.send('still here'), 'still here')
    const writes = proxy.logged('synced').flatMap(line => Object.values(line['written'] as Record<string, number>))
    t.deepEqual([...new Set(writes)], [0])
    t.regex(before, /KUBE-SERVICES/)
  }
})

test.serial('rules that somebody flushes or edits are back within a second, and the log says so (scenario 109)', async t => {
  await using world = await openProxyWorld()
  const { lab, pods, proxy, apply } = world
  const [a, b] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  const shell = (script: string): Promise<unknown> => lab.host(1).exec(['sh', '-ec', script])
  for (const damage of [
    'iptables -t nat -F',
    'for t in nat filter mangle; do iptables -t $t -F; iptables -t $t -X; done',
    'iptables -t nat -D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    'iptables -t nat -I KUBE-SERVICES -j ACCEPT',
    'iptables -t nat -F KUBE-SERVICES',
  ]) {
    await shell(damage)
    const start = performance.now()
    await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 200 })).server === 'b', { timeoutMs: 5_000 })
    t.true(performance.now() - start < 1_500, `${damage}: ${Math.round(performance.now() - start)} ms`)
  }
  t.true(proxy.logged('rules changed by somebody else were repaired').length >= 5)
})

test.serial('cleaning up leaves nothing of ours and everything of others, twice (scenario 111)', async t => {
  await using world = await openProxyWorld()
  const { lab, pods, proxy, apply } = world
  const [a, b] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await lab.host(1).exec(['sh', '-ec', 'iptables -t nat -N DOCKER; iptables -t nat -A OUTPUT -j DOCKER; iptables -t mangle -N KUBE-KUBELET-CANARY; iptables -t mangle -N KUBE-IPTABLES-HINT'])
  await proxy.stop()
  t.is(await proxy.once('--cleanup'), 0)
  t.is(await proxy.once('--cleanup'), 0)
  const { stdout } = await lab.host(1).exec(['iptables-save'])
  t.deepEqual([...stdout.matchAll(/^:(\S+) -/gm)].map(([, chain]) => chain).sort(), ['DOCKER', 'KUBE-FIREWALL', 'KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY'])
  await t.throwsAsync(a!.tcp(IP, 80, { timeoutMs: 300 }))
})

test.serial('the API server away changes nothing, and what it missed is applied on its return (scenario 106)', async t => {
  await using world = await openProxyWorld()
  const { pods, proxy, bridge, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await bridge.cut()
  await apply(slice('web', [c!]))
  t.deepEqual(await answering(() => a!.tcp(IP, 80), 10), ['b'])
  t.is((await proxy.health()).status, 200)
  await bridge.mend()
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server === 'c', { timeoutMs: 15_000 })
})

test.serial('health check node ports tell how many endpoints are here, and stay open under a closed INPUT (scenarios 119, 123)', async t => {
  await using world = await openProxyWorld()
  const { lab, api, pods, apply } = world
  const [a, b, c] = pods
  const [one, two] = lab.hosts
  const balanced = (name: string, clusterIP: string): object =>
    service(name, clusterIP, { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_999 })
  await apply(balanced('web', IP), slice('web', [a!, b!, c!]))
  const asked = await eventually(async () => {
    const answer = await two!.get(one!.address, 31_999, '/any/path', { timeoutMs: 500 })
    return answer.status === 200 ? answer : `status ${answer.status}`
  })
  t.deepEqual(JSON.parse(asked.body), { service: { namespace: 'default', name: 'web' }, localEndpoints: 2, serviceProxyHealthy: true })
  // With INPUT closed the port stays open for the load balancer (scenario 123).
  await one!.exec(['iptables', '-P', 'INPUT', 'DROP'])
  t.is((await two!.get(one!.address, 31_999)).status, 200)
  await one!.exec(['iptables', '-P', 'INPUT', 'ACCEPT'])
  await apply(slice('web', [c!]))
  const none = await eventually(async () => {
    const answer = await two!.get(one!.address, 31_999)
    return answer.status === 503 ? answer : `status ${answer.status}`
  })
  t.like(JSON.parse(none.body), { localEndpoints: 0 })
  await api.kubectl('delete', 'service', 'web')
  await eventually(async () => (await two!.get(one!.address, 31_999, '/', { timeoutMs: 500 }).then(() => 'open', (error: NodeJS.ErrnoException) => error.code)) === 'ECONNREFUSED' || 'still open')
  t.notRegex((await one!.exec(['iptables', '-S', 'KUBE-NODEPORTS'])).stdout, /31999/)
})

test.serial('a changed configuration file ends the proxy, so that it is started with the new one (scenario 118)', async t => {
  await using world = await openProxyWorld()
  const { api, proxy } = world
  const path = api.path('proxy.yaml')
  const config = (period: string): string => `apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclientConnection: {kubeconfig: ${api.path('proxy.kubeconfig')}}\niptables: {syncPeriod: ${period}}\nsurprise: 1\n`
  writeFileSync(path, config('30s'))
  await proxy.stop()
  proxy.start(['--config', path])
  await proxy.ready()
  t.deepEqual(proxy.logged('part of the configuration is ignored').map(line => line['reason']), ['unknown field surprise'])
  writeFileSync(path, config('20s'))
  await eventually(() => proxy.logged('ended by an error').some(line => (line['err'] as { code?: string }).code === 'PROXY_CONFIG_CHANGED'))
})

test.serial('half a list changes nothing: slices that come late cut nobody off (scenario 108)', async t => {
  await using world = await openProxyWorld()
  const { api, pods, proxy, apply } = world
  const [a, b, c] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await proxy.stop()
  // Somebody who may read everything but slices gets his list of them when he is allowed to.
  const rule = (resources: readonly string[]): object => ({ apiGroups: ['', 'discovery.k8s.io', 'networking.k8s.io'], resources, verbs: ['list', 'watch', 'get'] })
  const role = (resources: readonly string[]): object => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'half-blind' }, rules: [rule(resources)] })
  await apply(role(['services', 'nodes', 'servicecidrs']), {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'half-blind' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'half-blind' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'half-blind' }],
  })
  await apply(service('web', IP), slice('web', [c!]))
  proxy.start(['--kubeconfig', await api.kubeconfigFor('half-blind', { commonName: 'half-blind' })])
  await eventually(() => proxy.log.some(line => JSON.stringify(line).includes('endpointslices')) || 'nobody complains about slices')
  for (let i = 0; i < 20; i += 1) t.is((await a!.tcp(IP, 80)).server, 'b')
  t.is(proxy.logged('synced').length, 0)
  await apply(role(['services', 'nodes', 'servicecidrs', 'endpointslices']))
  await proxy.ready(30_000)
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server === 'c')
})

test.serial('started while the API server is away, the proxy leaves old rules in force and opens no port (scenario 107)', async t => {
  await using world = await openProxyWorld()
  const { pods, proxy, bridge, apply } = world
  const [a, b] = pods
  await apply(service('web', IP), slice('web', [b!]))
  await eventually(async () => (await a!.tcp(IP, 80, { timeoutMs: 500 })).server !== '')
  await proxy.stop('SIGKILL')
  await bridge.cut()
  proxy.start()
  for (let i = 0; i < 20; i += 1) t.is((await a!.tcp(IP, 80)).server, 'b')
  await t.throwsAsync(proxy.health(), { code: 'ECONNREFUSED' })
  await bridge.mend()
  await proxy.ready(30_000)
  t.is((await a!.tcp(IP, 80)).server, 'b')
})
