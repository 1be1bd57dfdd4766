import test from 'ava'
import { fromGoFlags } from '../../../src/commands/go-flags.ts'
import { FLAGS } from '../../../src/agent/flags/flag-table.ts'
import { readFlags } from '../../../src/agent/flags/read-flags.ts'

test('T66: -flag and --flag are one, and booleans take no word of their own', t => {
  const isBoolean = (name: string): boolean => name === 'ip-masq'
  t.deepEqual(fromGoFlags(['-iface', 'eth0', '--ip-masq', '-ip-masq=false', '--public-ip=1.2.3.4', '--', '-x'], isBoolean), ['--iface', 'eth0', '--ip-masq=true', '--ip-masq=false', '--public-ip=1.2.3.4', '--', '-x'])
})

test('T66: a flag beats the environment, WEFT_AGENT_ beats FLANNELD_, and an empty variable is none', t => {
  const masquerade = (given: object, env: Record<string, string>): boolean => readFlags(given as never, env).agent.rules.masquerade
  t.true(masquerade({}, { FLANNELD_IP_MASQ: 'true' }))
  t.false(masquerade({}, { FLANNELD_IP_MASQ: 'true', WEFT_AGENT_IP_MASQ: 'false' }))
  t.true(masquerade({ 'ip-masq': 'true' }, { WEFT_AGENT_IP_MASQ: 'false' }))
  t.false(masquerade({}, { FLANNELD_IP_MASQ: '' }))
  t.deepEqual(readFlags({}, { FLANNELD_IFACE: 'eth1,eth0' }).agent.underlay.ifaces, ['eth1', 'eth0'])
})

test('T66: a wrong value is refused under the name it was given by', t => {
  t.throws(() => readFlags({ 'ip-masq': 'maybe' }, {}), { message: /^--ip-masq: "maybe"/ })
  t.throws(() => readFlags({}, { FLANNELD_HEALTHZ_PORT: '99999' }), { message: /^FLANNELD_HEALTHZ_PORT: "99999"/ })
  t.throws(() => readFlags({}, { WEFT_AGENT_PUBLIC_IP: 'here' }), { message: /^WEFT_AGENT_PUBLIC_IP: "here"/ })
  t.throws(() => readFlags({ 'public-ip': 'fd00::1' }, {}), { message: /^--public-ip: .*not an IPv4 address/ })
  t.throws(() => readFlags({ 'subnet-lease-renew-margin': '1440' }, {}), { message: /between 1 and 1439/ })
})

test('the WireGuard key lies where flannel has it, where flannel\'s variable says, or where the flag does', t => {
  const keyOf = (given: object, env: Record<string, string>) => readFlags(given as never, env).agent.dataplane.wireguardKey
  t.deepEqual(keyOf({}, {}), { path: '/run/flannel/wgkey', own: true })
  t.deepEqual(keyOf({ 'subnet-file': '/x/y.env' }, {}), { path: '/x/wgkey', own: true })
  t.deepEqual(keyOf({}, { WIREGUARD_KEY_FILE: '/k' }), { path: '/k', own: false })
  t.deepEqual(keyOf({ 'wireguard-key-file': '/f' }, { WIREGUARD_KEY_FILE: '/k' }), { path: '/f', own: false })
})

test('every default is a value that its flag takes, and all of flanneld\'s flags are there', t => {
  t.notThrows(() => readFlags({}, {}))
  const names = new Set<string>(FLAGS.map(flag => flag.name))
  for (const name of [
    'etcd-endpoints', 'etcd-prefix', 'etcd-keyfile', 'etcd-certfile', 'etcd-cafile', 'etcd-username', 'etcd-password', 'iface', 'iface-regex', 'iface-can-reach',
    'public-ip', 'public-ipv6', 'subnet-file', 'subnet-lease-renew-margin', 'ip-masq', 'ip-masq-fully-random-disable', 'version', 'kube-subnet-mgr', 'kube-api-url',
    'kube-annotation-prefix', 'kubeconfig-file', 'net-config-path', 'set-node-network-unavailable', 'healthz-ip', 'healthz-port', 'iptables-resync',
    'iptables-forward-rules', 'ip-blackhole-route', 'v', 'vmodule', 'log_backtrace_at',
  ]) t.true(names.has(name), name)
})
