// Hosts that have one address family alone: without IPv6 in the kernel, or without the programs for IPv4.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { eventually } from '../../lab/eventually.ts'
import { openLab, type Pod } from '../../lab/lab.ts'
import { ProxyLab } from '../../lab/proxy.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'

const IPS = { 4: '10.96.7.7', 6: 'fd00:96::77' } as const

for (const family of [4, 6] as const) {
  test.serial(`a host with IPv${family} alone serves it, and dual-stack services with what they have of it`, async t => {
    t.timeout(90_000)
    await using held = new AsyncDisposableStack()
    const api = held.use(await ApiServerLab.open({ flags: ['--service-cluster-ip-range', '10.96.0.0/16,fd00:96::/112'] }))
    const lab = held.use(await openLab({ hosts: 1 }))
    const host = lab.host(1)
    const [client, server] = [await host.addPod({ name: 'client' }), await host.addPod({ name: 'server' })]
    await server.echo({ port: 8080 })
    held.use(await TcpBridge.open({ netns: host.netns, port: api.port }))
    const address = (pod: Pod): string => (family === 4 ? pod.address : pod.address6)
    const hostAddress = family === 4 ? host.address : host.address6
    const file = api.path('objects.json')
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } },
      {
        apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' },
        spec: { type: 'NodePort', clusterIPs: [IPS[4], IPS[6]], clusterIP: IPS[4], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack', ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }] },
      },
      ...([4, 6] as const).map(each => ({
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `web-${each}`, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: `IPv${each}`, ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        endpoints: [{ addresses: [each === 4 ? server.address : server.address6], conditions: { ready: true }, nodeName: 'host-1' }],
      })),
    ] }))
    await api.kubectl('apply', '--validate=false', '-f', file)
    await api.patchStatus('/api/v1/nodes/host-1', { addresses: [{ type: 'InternalIP', address: hostAddress }] })
    if (family === 4) host.sysctl({ 'net/ipv6/conf/all/disable_ipv6': '1' })
    const proxy = held.use(ProxyLab.start({
      host, nodeName: 'host-1', kubeconfig: await api.kubeconfigFor('proxy', { commonName: 'system:kube-proxy' }),
      flags: ['--cluster-cidr=10.244.0.0/16,fd44::/16', '--conntrack-max-per-core=0'],
      ...(family === 6 ? { path: onlyIpv6Programs(api.path('bin')) } : {}),
    }))
    await proxy.ready()
    const families = proxy.logged('ready')[0]!['families']
    t.deepEqual(families, [family])
    await eventually(async () => (await client.tcp(IPS[family], 80, { timeoutMs: 500 })).server === 'server')
    t.like(await host.tcp(hostAddress, 30_080), { server: 'server' })
    t.like(await client.tcp(IPS[family], 80), { server: 'server', clientAddress: address(client) })
    const rules = async (program: string): Promise<string> => (await host.exec([program])).stdout
    t.regex(await rules(family === 4 ? 'iptables-save' : 'ip6tables-save'), /KUBE-SERVICES/)
    t.notRegex(await rules(family === 4 ? 'ip6tables-save' : 'iptables-save'), /KUBE-/)
    const health = await proxy.health()
    t.is(health.status, 200)
    t.deepEqual(Object.keys((JSON.parse(health.body) as { status: object }).status), [`IPv${family}`])
    t.is(await proxy.stop(), 0)
  })
}

/** A folder with the programs of IPv6 alone, and the places of everything else that is needed. */
function onlyIpv6Programs(folder: string): string {
  mkdirSync(folder)
  for (const end of ['', '-save', '-restore']) symlinkSync('/usr/sbin/xtables-nft-multi', join(folder, `ip6tables${end}`))
  return [folder, '/usr/bin', '/bin'].join(':')
}
