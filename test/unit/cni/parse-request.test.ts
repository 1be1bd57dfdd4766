// What a request must look like, and which error a runtime sees first when it does not.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { CniError } from '../../../cni/plugin/cni-error.ts'
import { readBandwidth } from '../../../cni/plugin/config/bandwidth.ts'
import { readBridgeConfig } from '../../../cni/plugin/config/bridge-config.ts'
import { readPodSettings } from '../../../cni/plugin/config/pod-settings.ts'
import { readPortOptions } from '../../../cni/plugin/config/port-mappings.ts'
import { pluginKind } from '../../../cni/plugin/kind/plugin-kind.ts'
import { parseRequest } from '../../../cni/plugin/request/parse-request.ts'
import { formatAddress } from '../../../src/net/ip/address.ts'
import { readValidAttachments } from '../../../cni/plugin/verbs/gc.ts'
import { Fields } from '../../../cni/plugin/request/fields.ts'
import { rawRequest } from './requests.ts'

function refused(t: ExecutionContext, number: number, message: RegExp, run: () => unknown): void {
  const error = t.throws(run, { instanceOf: CniError }) as CniError | undefined
  t.is(error?.number, number, error?.message)
  t.regex(`${error?.message} ${error?.details ?? ''}`, message)
}
const parse = (...args: Parameters<typeof rawRequest>): ReturnType<typeof parseRequest> => parseRequest(rawRequest(...args))

test('missing variables are named together and in order (2)', t => {
  refused(t, 4, /\[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME\] missing/, () => parse({ containerId: '', netns: '', ifname: '' }))
  refused(t, 4, /\[CNI_NETNS\] missing/, () => parse({ netns: '' }))
  refused(t, 4, /\[CNI_NETNS,CNI_IFNAME\] missing/, () => parse({ command: 'CHECK', netns: '', ifname: '' }))
  refused(t, 4, /\[CNI_CONTAINERID\] missing/, () => parse({ command: 'DEL', netns: '', containerId: '' }))
  t.is(parse({ command: 'DEL', netns: '' }).netns, '')
  t.is(parse({ command: 'STATUS', containerId: '', netns: '', ifname: '', config: { cniVersion: '1.1.0', name: 'n' } }).verb, 'STATUS')
})

test('what is there and wrong comes before what is missing, and both before stdin (1.4)', t => {
  refused(t, 4, /CNI_CONTAINERID.*a\/b/, () => parse({ containerId: 'a/b', netns: '', stdin: '{' }))
  refused(t, 4, /interface name/, () => parse({ ifname: 'a b', netns: '' }))
  refused(t, 4, /\[CNI_NETNS\]/, () => parse({ netns: '', stdin: '{' }))
  refused(t, 5, /more than 4 MiB/, () => parse({ stdinErrno: 27, stdin: '{' }))
  refused(t, 6, /decode/, () => parse({ stdin: '{"name":', command: 'NONSENSE' }))
  refused(t, 6, /not a JSON object/, () => parse({ stdin: '[]' }))
  refused(t, 6, /decode/, () => parse({ stdin: '' }))
  refused(t, 7, /missing network name/, () => parse({ command: 'NONSENSE', config: { cniVersion: '9.9.9' } }))
  refused(t, 7, /invalid characters found in network name/, () => parse({ config: { name: 'a b' } }))
  refused(t, 4, /unknown CNI_COMMAND: add/, () => parse({ command: 'add', config: { name: 'n', cniVersion: '9.9.9' } }))
})

test('container ids and interface names are held to their rules (2)', t => {
  for (const containerId of ['a', '0', 'a_b.c-d', 'A'.repeat(500)]) t.is(parse({ containerId }).containerId, containerId)
  for (const containerId of ['-a', '_a', '.a', 'a b', 'a/b', 'ä', 'a\n']) refused(t, 4, /CNI_CONTAINERID/, () => parse({ containerId }))
  for (const ifname of ['a', 'a'.repeat(15), 'äääääää', '...', 'eth0.5', '-x']) t.is(parse({ ifname }).ifname, ifname)
  for (const ifname of ['a'.repeat(16), 'ääääääää', '.', '..', 'a/b', 'a:b', 'a\tb', 'a\u2003b', ' ']) refused(t, 4, /interface name/, () => parse({ ifname }))
})

test('versions: exact membership, absent means 0.1.0, newer verbs check their age first (3)', t => {
  t.is(parse({ config: { name: 'n' } }).cniVersion, '0.1.0')
  t.is(parse({ config: { name: 'n', cniVersion: '' } }).cniVersion, '0.1.0')
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const) t.is(parse({ config: { name: 'n', cniVersion } }).cniVersion, cniVersion)
  for (const cniVersion of ['1.0', '1.2.0', 'abc', '0.5.0', '1']) refused(t, 1, /incompatible CNI versions.*plugin supports/, () => parse({ config: { name: 'n', cniVersion } }))
  refused(t, 6, /not a version/, () => parse({ command: 'CHECK', config: { name: 'n', cniVersion: 'abc' } }))
  refused(t, 1, /does not allow CHECK/, () => parse({ command: 'CHECK', config: { name: 'n', cniVersion: '0.3.1' } }))
  refused(t, 1, /does not allow STATUS/, () => parse({ command: 'STATUS', config: { name: 'n', cniVersion: '1.0.0' } }))
  refused(t, 1, /does not allow GC/, () => parse({ command: 'GC', config: { name: 'n' } }))
  refused(t, 1, /incompatible/, () => parse({ command: 'GC', config: { name: 'n', cniVersion: '1.2.0' } }))
})

test('keys match whatever their case; null equals absent (7)', t => {
  const config = { CNIVERSION: '1.0.0', NAME: 'n', Type: 'weft-cni', RuntimeConfig: { PortMappings: [{ HostPort: 80, ContainerPort: 8080, Protocol: 'TCP', HostIP: '' }], bandwidth: null } }
  const request = parse({ config })
  t.is(request.network, 'n')
  t.like(readPortOptions(request.config).mappings[0], { hostPort: 80, containerPort: 8080, protocol: 'TCP', hostIp: undefined })
  t.deepEqual(readPortOptions(parse({ config: { name: 'n', runtimeConfig: { portMappings: null } } }).config).mappings, [])
  t.deepEqual(readBandwidth(request.config), { ingress: undefined, egress: undefined })
})

test('a wrong type is 6 and names the key; a bad value is 7; an unsupported one is 2 with its value (11)', t => {
  const bridge = (more: object): unknown => readBridgeConfig(parse({ config: { name: 'n', cniVersion: '1.0.0', type: 'bridge', ipam: { type: 'host-local', subnet: '10.0.0.0/24' }, ...more } }), 'bridge')
  refused(t, 6, /mtu: "1500" is not an integer/, () => bridge({ mtu: '1500' }))
  refused(t, 6, /isGateway: 1 is not true or false/, () => bridge({ isGateway: 1 }))
  refused(t, 7, /mtu: 60 /, () => bridge({ mtu: 60 }))
  refused(t, 7, /hairpinMode and promiscMode/, () => bridge({ hairpinMode: true, promiscMode: true }))
  refused(t, 2, /ipam\.type: "dhcp"/, () => bridge({ ipam: { type: 'dhcp' } }))
  refused(t, 7, /ipMasqBackend: "ebpf"/, () => bridge({ ipMasqBackend: 'ebpf' }))
  refused(t, 2, /conditionsV4: "-p tcp"/, () => readPortOptions(new Fields({ conditionsV4: ['-p', 'tcp'] })))
  refused(t, 7, /conditionsV6: "ip6" is no iptables condition/, () => readPortOptions(new Fields({ conditionsV4: ['-s', '10.0.0.0/8'], conditionsV6: ['ip6', 'saddr', 'fd00::/8'] })))
  refused(t, 7, /conditionsV4: "-s" is no nftables condition/, () => readPortOptions(new Fields({ backend: 'nftables', conditionsV4: ['-s'] })))
  refused(t, 2, /externalSetMarkChain: "KUBE-MARK-MASQ"/, () => readPortOptions(new Fields({ externalSetMarkChain: 'KUBE-MARK-MASQ' })))
  refused(t, 115, /hostPort: 70000/, () => readPortOptions(new Fields({ runtimeConfig: { portMappings: [{ hostPort: 70000, containerPort: 1 }] } })))
  refused(t, 115, /containerPort: 0/, () => readPortOptions(new Fields({ runtimeConfig: { portMappings: [{ hostPort: 7, protocol: 'tcp' }] } })))
  refused(t, 7, /egressBurst: 0 must be set/, () => readBandwidth(new Fields({ egressRate: 1000 })))
  refused(t, 7, /ingressBurst: 34359738368 /, () => readBandwidth(new Fields({ ingressRate: 1, ingressBurst: 2 ** 35 })))
  t.deepEqual(readBandwidth(new Fields({ runtimeConfig: { bandwidth: { IngressRate: 1000, IngressBurst: 4294967295 } } })).ingress, { bitsPerSecond: 1000, burstBits: 4294967295 })
})

test('CNI_ARGS: strict pairs, Kubernetes keys known, others only with IgnoreUnknown (8)', t => {
  t.is(parse({ args: 'K8S_POD_NAME=p;K8S_POD_NAMESPACE=n;K8S_POD_UID=u;K8S_POD_INFRA_CONTAINER_ID=i;IgnoreUnknown=1' }).args.podName, 'p')
  t.is(parse({ args: 'IP=1.2.3.4;IP=1.2.3.5' }).args.ip, '1.2.3.5')
  t.is(parse({ args: 'X=1;IgnoreUnknown=TRUE' }).args.ip, undefined)
  refused(t, 4, /"X=1" is unknown/, () => parse({ args: 'X=1' }))
  refused(t, 4, /"ip=1" is unknown/, () => parse({ args: 'ip=1' }))
  refused(t, 4, /"" is not of the form/, () => parse({ args: 'IP=1.2.3.4;' }))
  refused(t, 4, /"A=B=C" is not of the form/, () => parse({ args: 'A=B=C;IgnoreUnknown=1' }))
  refused(t, 4, /IgnoreUnknown=maybe/, () => parse({ args: 'IgnoreUnknown=maybe' }))
})

test('MAC: runtimeConfig before args before CNI_ARGS; requested addresses are the union of the three (8)', t => {
  const read = (config: object, args = ''): ReturnType<typeof readBridgeConfig> => readBridgeConfig(parse({ args, config: { name: 'n', cniVersion: '1.0.0', type: 'weft-cni', ...config } }), 'weft')
  const all = { args: { cni: { mac: '02:00:00:00:00:02', ips: ['10.0.0.2', '10.0.0.9/24'] } }, runtimeConfig: { mac: '02-00-00-00-00-03', ips: ['10.0.0.2/24', 'fd00::3'] } }
  t.is(String(read(all, 'MAC=02:00:00:00:00:01').mac), '02:00:00:00:00:03')
  t.is(String(read({ args: all.args }, 'MAC=02:00:00:00:00:01').mac), '02:00:00:00:00:02')
  t.is(String(read({}, 'MAC=02:00:00:00:00:01').mac), '02:00:00:00:00:01')
  t.deepEqual(read(all, 'IP=10.0.0.1').ipam?.requested.map(formatAddress), ['10.0.0.1', '10.0.0.2', '10.0.0.9', 'fd00::3'])
})

test('the list of valid attachments: absent says nothing, null and [] say none (9)', t => {
  t.is(readValidAttachments(new Fields({})), undefined)
  t.deepEqual(readValidAttachments(new Fields({ 'cni.dev/valid-attachments': null })), [])
  t.deepEqual(readValidAttachments(new Fields({ 'cni.dev/valid-attachments': [] })), [])
  const list = [{ containerID: 'a', ifname: 'eth0' }]
  t.deepEqual(readValidAttachments(new Fields({ 'cni.dev/attachments': list })), [{ containerId: 'a', ifname: 'eth0' }])
  t.deepEqual(readValidAttachments(new Fields({ 'cni.dev/attachments': list, 'cni.dev/valid-attachments': [] })), [])
})

test('a request is for the plugin whose name the program ran under, else for its type', t => {
  const kind = (program: string, config: object): string => pluginKind(parse({ program, config: { name: 'n', ...config } }))
  t.is(kind('weft-cni', { type: 'weft-cni' }), 'weft')
  t.is(kind('weft-cni', { type: 'weft-cni', ipam: { type: 'weft-cni' } }), 'weft')
  t.is(kind('weft-cni', { type: 'bridge', ipam: { type: 'weft-cni' } }), 'ipam')
  t.is(kind('host-local', { type: 'bridge', ipam: { type: 'host-local' } }), 'ipam')
  t.is(kind('portmap', { type: 'portmap' }), 'portmap')
  t.is(kind('loopback', { type: 'loopback' }), 'loopback')
  refused(t, 7, /type: "macvlan"/, () => kind('weft-cni', { type: 'macvlan' }))
})

test('kernel settings: IFNAME stands for the interface, dots of one are kept behind slashes, a list of allowed ones holds', t => {
  const read = (sysctl: object, options?: { allowlist: string }): unknown => readPodSettings(parse({ ifname: 'eth0.5', config: { name: 'n', type: 'weft-cni', sysctl } }), options)
  t.deepEqual(read({ 'net.ipv4.conf.IFNAME.rp_filter': '2', 'net/ipv4/conf/eth0.7/rp_filter': '1' }), { 'net/ipv4/conf/eth0.5/rp_filter': '2', 'net/ipv4/conf/eth0.7/rp_filter': '1' })
  refused(t, 7, /"kernel\.panic" is no setting of a network namespace/, () => read({ 'kernel.panic': '1' }))
  refused(t, 7, /"net\/\.\.\/kernel\/panic"/, () => read({ 'net/../kernel/panic': '1' }))
  refused(t, 6, /sysctl: is not an object of strings/, () => read(['net.ipv4.ip_forward']))
  const folder = mkdtempSync(join(tmpdir(), 'weft-allow-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const allowlist = join(folder, 'allowlist.conf')
  writeFileSync(allowlist, '^net\\.ipv4\\.tcp_\n\n')
  t.deepEqual(read({ 'net.ipv4.tcp_ecn': '1' }, { allowlist }), { 'net/ipv4/tcp_ecn': '1' })
  refused(t, 7, /"net\.ipv4\.ip_forward" is not among those/, () => read({ 'net.ipv4.ip_forward': '1' }, { allowlist }))
})
