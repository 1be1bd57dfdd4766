import test from 'ava'
import fc from 'fast-check'
import { InputError } from '../../../../src/ops/errors.ts'
import { effectiveConfig } from '../../../../src/proxy/config/effective-config.ts'
import { formatDuration, parseDuration } from '../../../../src/proxy/config/duration.ts'
import { ALWAYS_FLAGS, CONFIG_FLAGS, flagsToTree } from '../../../../src/proxy/config/flags.ts'
import { parseConfigFile, readConfig } from '../../../../src/proxy/config/read-config.ts'

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n'

// What kubeadm writes for kube-proxy.
const KUBEADM = `${HEAD}bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  acceptContentTypes: ""
  burst: 0
  contentType: ""
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
  qps: 0
clusterCIDR: 10.244.0.0/16,fd00:10:244::/56
configSyncPeriod: 0s
conntrack:
  maxPerCore: null
  min: null
  tcpBeLiberal: false
  tcpCloseWaitTimeout: null
  tcpEstablishedTimeout: null
  udpStreamTimeout: 0s
  udpTimeout: 0s
detectLocal:
  bridgeInterface: ""
  interfaceNamePrefix: ""
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables:
  localhostNodePorts: null
  masqueradeAll: false
  masqueradeBit: null
  minSyncPeriod: 1s
  syncPeriod: 30s
ipvs:
  excludeCIDRs: null
  scheduler: ""
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
  verbosity: 0
metricsBindAddress: ""
mode: ""
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel:
  enableDSR: false
`

test('the file that kubeadm writes is taken without a warning, and its empty fields have the defaults', t => {
  const { tree, warnings } = parseConfigFile(KUBEADM, 'config.conf')
  t.deepEqual(warnings, [])
  const config = readConfig(tree)
  t.is(config.mode, 'iptables')
  t.is(config.kubeconfig, '/var/lib/kube-proxy/kubeconfig.conf')
  t.deepEqual(config.healthz, { host: '0.0.0.0', port: 10_256 })
  t.deepEqual(config.metrics, { host: '127.0.0.1', port: 10_249 })
  t.is(config.iptables.masqueradeBit, 14)
  t.is(config.iptables.localhostNodePorts, true)
  t.is(config.conntrack.tcpEstablishedTimeoutMs, 86_400_000)
  t.is(config.clusterCidrs[6]?.length, 56)
})

test('what is written out reads back as the same configuration', t => {
  const config = readConfig(flagsToTree([...CONFIG_FLAGS, ...ALWAYS_FLAGS], { 'cluster-cidr': '10.0.0.0/8', 'masquerade-all': true, 'nodeport-addresses': '192.168.0.0/24', 'conntrack-udp-timeout': '90s', 'bind-address': '::' }))
  t.deepEqual(readConfig(effectiveConfig(config) as Record<string, unknown>), config)
})

test('unknown fields are named and ignored, wrong ones are errors that name field and value', t => {
  t.deepEqual(parseConfigFile(`${HEAD}mod: x\niptables:\n  syncPeriode: 1s\n`, 'f').warnings, ['unknown field mod', 'unknown field iptables.syncPeriode'])
  for (const [field, text] of [
    ['mode', 'mode: ipvs'], ['iptables.masqueradeBit', 'iptables: {masqueradeBit: 32}'], ['iptables.minSyncPeriod', 'iptables: {minSyncPeriod: 60s}'],
    ['iptables.syncPeriod', 'iptables: {syncPeriod: 0s}'], ['nodePortAddresses', 'nodePortAddresses: [primary, 10.0.0.0/8]'], ['nodePortAddresses[0]', 'nodePortAddresses: [x]'],
    ['clusterCIDR', 'clusterCIDR: 10.0.0.0/8,11.0.0.0/8'], ['detectLocal.bridgeInterface', 'detectLocalMode: BridgeInterface'], ['oomScoreAdj', 'oomScoreAdj: 2000'],
    ['conntrack.udpTimeout', 'conntrack: {udpTimeout: -1s}'], ['iptables.masqueradeAll', 'iptables: {masqueradeAll: "yes"}'], ['healthzBindAddress', 'healthzBindAddress: nonsense'],
  ] as const) {
    const error = t.throws(() => readConfig(parseConfigFile(`${HEAD}${text}\n`, 'f').tree), { instanceOf: InputError }, text)
    t.is(error?.field, field)
  }
  t.throws(() => parseConfigFile('apiVersion: v1\nkind: Pod\n', 'f'), { message: /KubeProxyConfiguration/ })
  t.throws(() => parseConfigFile('a: [', 'f'), { instanceOf: InputError })
})

test('durations are those of Go', t => {
  t.is(parseDuration('1h30m', 'f'), 5_400_000)
  t.is(parseDuration('1.5s', 'f'), 1_500)
  t.is(parseDuration('0', 'f'), 0)
  for (const bad of ['5', '', '5 s', 's', 7]) t.throws(() => parseDuration(bad, 'f'), { instanceOf: InputError })
  fc.assert(fc.property(fc.integer({ min: 0, max: 10_000_000 }), ms => t.is(parseDuration(formatDuration(ms), 'f'), ms)))
})

test('flags set the fields of the file, one flag both modes where kube-proxy shares it', t => {
  const config = readConfig(flagsToTree([...CONFIG_FLAGS, ...ALWAYS_FLAGS], {
    'iptables-sync-period': '10s', 'iptables-min-sync-period': '0', 'feature-gates': 'AllowServiceExternalIPs=false,Other=true', 'hostname-override': 'N1', 'metrics-bind-address': '0.0.0.0:0',
  }))
  t.is(config.nftables.syncPeriodMs, 10_000)
  t.is(config.iptables.minSyncPeriodMs, 0)
  t.false(config.allowExternalIps)
  t.is(config.metrics, undefined)
  t.throws(() => flagsToTree(CONFIG_FLAGS, { 'masquerade-all': 'maybe' }), { message: /--masquerade-all/ })
  t.throws(() => flagsToTree(CONFIG_FLAGS, { 'conntrack-min': 'x' }), { message: /--conntrack-min/ })
})
