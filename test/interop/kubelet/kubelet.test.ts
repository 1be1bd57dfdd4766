// A node of the real kubelet and containerd under Weft's API server, controllers, scheduler, CNI plugin and proxy.

import test from 'ava'
import { writeFileSync } from 'node:fs'
import { CniLab } from '../../kernel/cni/cni-lab.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { getHttp } from '../../lab/client.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { eventually } from '../../lab/eventually.ts'
import { ProxyLab } from '../../lab/proxy.ts'
import { TcpBridge } from '../../lab/tcp-bridge.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'
import { ContainerdLab, IMAGE } from '../cni/containerd-lab.ts'
import { KUBELET, KubeletLab } from './kubelet-lab.ts'

const missing = [KUBELET, 'containerd-1.7/containerd', 'runc-1.1', 'busybox-1.35'].find(name => findPeer(name) === undefined)
const real = missing === undefined ? test.serial : test.serial.skip
const NODE = 'kubelet-1'
const NODE_IP = '10.99.0.1'
const SLOWLY = { timeoutMs: 90_000, intervalMs: 500 }

real(missing === undefined ? 'a Deployment on a node of kubelet and containerd: scheduled, wired by Weft, served behind a cluster IP, and gone without a trace' : `kubelet and containerd (${missingPeer(missing)})`, async t => {
  t.timeout(300_000)
  await using stack = new AsyncDisposableStack()
  const cni = stack.use(await CniLab.open({ agent: false }))
  await cni.start({ publish: true })
  await cni.host.exec(['sh', '-ec', `ip link add node0 type bridge; ip link set node0 up; ip address add ${NODE_IP}/24 dev node0; ip route add default dev node0`])
  cni.host.sysctl({ 'net/ipv4/ip_forward': '1' })
  const api = stack.use(await ApiServerLab.open({ flags: ['--service-cluster-ip-range', '10.96.0.0/16'] }))
  stack.use(await TcpBridge.open({ netns: cni.host.netns, port: api.port }))
  stack.use(await ControllerManagerLab.start(api, [`--root-ca-file=${api.path('ca.crt')}`]))
  const containerd = stack.use(await ContainerdLab.open(cni))
  const kubeconfig = await api.kubeconfigFor(NODE, { commonName: `system:node:${NODE}`, organizations: ['system:nodes'] })
  const kubelet = stack.use(KubeletLab.start({ host: cni.host, nodeName: NODE, nodeIp: NODE_IP, kubeconfig, clientCa: api.path('ca.crt'), runtime: containerd.address }))
  t.teardown(() => { if (!t.passed) t.log(kubelet.log.split('\n').filter(line => /^[EF]/.test(line)).slice(-25).join('\n') || kubelet.log.slice(-3000)) })
  const isReady = async () => {
    if (!kubelet.running) throw new Error('the kubelet ended')
    const { stdout } = await api.tryKubectl('get', 'node', NODE, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')
    return stdout === 'True' || stdout
  }
  await eventually(isReady, SLOWLY)
  stack.use(await ProxyLab.open({ host: cni.host, kubeconfig: await api.kubeconfigFor('proxy', { commonName: 'system:kube-proxy' }), nodeName: NODE, flags: ['--cluster-cidr=10.88.0.0/16'] }))

  const path = api.path('kubelet.json')
  const labels = { app: 'web' }
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {
      automountServiceAccountToken: false, enableServiceLinks: false, dnsPolicy: 'Default', terminationGracePeriodSeconds: 1,
      containers: [{ name: 'web', image: IMAGE, imagePullPolicy: 'Never', command: ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/etc'], ports: [{ containerPort: 8080 }], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }],
    } } } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
  ] }))
  await api.kubectl('apply', '-f', path)
  t.regex(await api.kubectl('rollout', 'status', 'deployment/web', '--timeout=90s'), /successfully rolled out/)
  const pods = (await api.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}')).trim().split('\n')
  t.is(pods.length, 2)
  for (const pod of pods) t.regex(pod, new RegExp(`^${NODE} 10\\.88\\.1\\.\\d+$`))
  const clusterIp = await api.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
  for (const address of [...pods.map(pod => pod.split(' ')[1]!)]) t.true((await getHttp(cni.host.netns, { address, port: 8080 }, '/hostname')).status < 500)
  await eventually(async () => (await getHttp(cni.host.netns, { address: clusterIp, port: 80 }, '/hostname')).status < 500)
  t.regex(await api.kubectl('get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'jsonpath={.items[*].endpoints[*].addresses[0]}'), /^10\.88\.1\.\d+ 10\.88\.1\.\d+$/)

  await api.kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=90s')
  await eventually(async () => (await api.kubectl('get', 'pods', '-o', 'name')) === '' || 'pods are left', SLOWLY)
  await cni.settled(0)
})
