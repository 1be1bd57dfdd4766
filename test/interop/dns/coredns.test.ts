// The real coredns as cluster DNS: it runs in a pod, follows Weft's API server through that server's cluster IP, and is itself
// reached through a Service.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { podNetns } from '../../../src/cluster/sample/try-sample.ts'
import { eventually } from '../../lab/eventually.ts'
import { LocalCluster } from '../../lab/local-cluster.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'
import { askName, type Question } from './dns-query.ts'

const COREDNS = 'coredns-1.14.7'
const program = findPeer(COREDNS)
const real = program === undefined ? test.skip : test.serial
const { signal } = new AbortController()
const WITHIN = { timeoutMs: 30_000, intervalMs: 250 }

for (const mode of ['iptables', 'nftables'] as const) {
  real(program === undefined ? `coredns behind proxies in ${mode} mode (${missingPeer(COREDNS)})` : `coredns names Services and pods, reached through a Service by UDP and TCP, proxies in ${mode} mode`, async t => {
    t.timeout(180_000)
    await using stack = new AsyncDisposableStack()
    const cluster = stack.use(await LocalCluster.up(['--nodes', '2', '--proxy-mode', mode]))
    const folder = mkdtempSync(join(tmpdir(), 'weft-dns-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const dns = (await cluster.kubectl(['get', 'svc', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}'])).replace(/\.1$/, '.10')
    writeFileSync(join(folder, 'kubeconfig'), readFileSync(cluster.kubeconfig, 'utf8').replace(/server: .*/, `server: https://${dns.replace(/\.10$/, '.1')}:443`))
    writeFileSync(join(folder, 'Corefile'), `.:53 {
  errors
  ready :8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${join(folder, 'kubeconfig')}
    pods verified
    ttl 0
  }
}
`)
    const labels = { 'k8s-app': 'kube-dns' }
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kube-dns', namespace: 'kube-system' }, spec: { clusterIP: dns, selector: labels, ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, protocol: 'TCP' }] } },
      {
        apiVersion: 'v1', kind: 'Pod', metadata: { name: 'coredns', namespace: 'kube-system', labels },
        spec: { nodeName: 'host-2', terminationGracePeriodSeconds: 1, containers: [{ name: 'coredns', image: 'coredns', command: [program, '-conf', join(folder, 'Corefile')], readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 } }] },
      },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'headless' }, spec: { clusterIP: 'None', selector: { app: 'echo' }, ports: [{ name: 'http', port: 8080 }] } },
    ] }))
    const rows = (await cluster.kubectl(['get', 'pods', '-l', 'app=echo', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}{end}'])).trim().split('\n')
    const [name, host, address] = rows[0]!.split(' ') as [string, string, string]
    const netns = await podNetns(cluster.name, { name, host, address }, { signal })
    const ask = (asked: string, type: Question['type'] = 'A', over: Question['over'] = 'udp') => askName({ netns, server: dns, over, name: asked, type })
    const echo = await cluster.kubectl(['get', 'svc', 'echo', '-o', 'jsonpath={.spec.clusterIP}'])

    await eventually(async () => (await ask('echo.default.svc.cluster.local'))?.join() === echo, WITHIN)
    t.deepEqual(await ask('echo.default.svc.cluster.local', 'A', 'tcp'), [echo])
    t.deepEqual(await ask(`${echo.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR'), ['echo.default.svc.cluster.local'])
    t.deepEqual(await ask('_http._tcp.echo.default.svc.cluster.local', 'SRV'), ['80 echo.default.svc.cluster.local'])
    t.deepEqual(await ask('headless.default.svc.cluster.local'), rows.map(row => row.split(' ')[2]!).sort())
    t.deepEqual(await ask(`${address.replaceAll('.', '-')}.default.pod.cluster.local`), [address])
    t.is(await ask('absent.default.svc.cluster.local'), undefined)

    await cluster.kubectl(['create', 'service', 'clusterip', 'late', '--tcp=80:8080'])
    const late = await cluster.kubectl(['get', 'svc', 'late', '-o', 'jsonpath={.spec.clusterIP}'])
    await eventually(async () => (await ask('late.default.svc.cluster.local'))?.join() === late, WITHIN)
    await cluster.kubectl(['delete', 'service', 'late'])
    await eventually(async () => (await ask('late.default.svc.cluster.local')) === undefined, WITHIN)
  })
}
