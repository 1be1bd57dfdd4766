// Every check says what is wrong, and nothing about a host where all is well.

import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import type { HostFacts, PeerFacts } from '../../../src/host/doctor/facts.ts'
import { CHECKS, examine, exitCode, findingsJson, formatFindings, worst } from '../../../src/host/doctor/report.ts'

const MODULES = ['veth', 'bridge', 'br_netfilter', 'vxlan', 'ipip', 'tun', 'nf_conntrack', 'nf_nat', 'nf_tables', 'nft_numgen', 'nft_nat', 'ip_tables', 'iptable_nat', 'xt_statistic', 'xt_comment', 'xt_MASQUERADE']
const GOOD: HostFacts = {
  kernelRelease: '6.12.1-amd64', isRoot: true, modules: Object.fromEntries(MODULES.map(name => [name, 'loaded'])),
  settings: { 'net/ipv4/ip_forward': '1', 'net/bridge/bridge-nf-call-iptables': '1' }, programs: { ip: true, 'iptables-restore': true },
  iptables: { variant: 'nft', version: '1.8.9' }, otherVariantTables: [], droppingChains: [], foreignPrograms: [], cniFiles: ['10-weft.conflist'],
  links: [{ name: 'eth0', mtu: 1500, up: true, addresses: [{ address: parseAddress('192.0.2.1', 'a'), prefixLength: 24 }] }],
  routes: [{ destination: parsePrefix('0.0.0.0/0', 'r'), link: 'eth0' }, { destination: parsePrefix('10.244.1.0/24', 'r'), link: 'flannel.1' }],
  listeners: [{ protocol: 'tcp', port: 6443, program: 'node' }], clockSynchronised: true, machineId: 'm1', hostName: 'one', ephemeralPorts: [32_768, 60_999],
  installed: { role: 'control-plane', nodeName: 'one', runtime: 'processes' }, units: [{ name: 'weft-agent', state: 'active' }], health: [{ name: 'weft-agent', problem: undefined }],
  network: { role: 'control-plane', nodeIp: parseAddress('192.0.2.1', 'a'), pods: parsePrefix('10.244.0.0/16', 'p'), services: parsePrefix('10.96.0.0/16', 's'), backend: 'vxlan', proxyMode: 'iptables', apiPort: 6443 },
  api: { url: 'https://192.0.2.1:6443', problem: undefined, skewMs: 200 },
  peers: [{ name: 'two', address: '192.0.2.2', machineId: 'm2', reachable: true, fullPackets: true }],
}
const PEER = GOOD.peers[0] as PeerFacts
const network = (change: Partial<HostFacts['network']>): Partial<HostFacts> => ({ network: { ...GOOD.network, ...change } })

test('a host where all is well has nothing but ok, and exit code 0', t => {
  const findings = examine(GOOD)
  t.deepEqual(findings.filter(({ level }) => level !== 'ok'), [])
  t.is(exitCode(findings, { strict: true }), 0)
})

const WRONG: readonly (readonly [title: string, facts: Partial<HostFacts>, check: string, level: string, message: RegExp])[] = [
  ['a kernel without vxlan', { modules: { ...GOOD.modules, vxlan: 'missing' } }, 'kernel-modules', 'failure', /no vxlan, which is the backend/],
  ['modules that cannot be listed', { modules: {} }, 'kernel-modules', 'unknown', /cannot tell/],
  ['an old kernel', { kernelRelease: '4.19.0-27-amd64' }, 'kernel', 'warning', /older/],
  ['forwarding that something sets back', { settings: { 'net/ipv4/ip_forward': '0' } }, 'kernel-settings', 'failure', /sets it back/],
  ['strict reverse path filtering on a tunnel', { settings: { 'net/ipv4/conf/flannel.1/rp_filter': '1' } }, 'kernel-settings', 'warning', /strict/],
  ['a missing program', { programs: { conntrack: false } }, 'programs', 'failure', /conntrack/],
  ['a clock that is off', { api: { ...GOOD.api!, skewMs: -120_000 } }, 'time', 'failure', /120 s ahead/],
  ['a clock that nobody keeps', { clockSynchronised: false }, 'time', 'warning', /nobody/],
  ['rules of both iptables variants', { otherVariantTables: ['nat'] }, 'iptables', 'warning', /legacy one holds rules/],
  ['no iptables', { iptables: undefined }, 'iptables', 'failure', /no iptables/],
  ['a firewall that drops what is forwarded', { droppingChains: [{ family: 'inet', table: 'firewalld', chain: 'filter_FORWARD', hook: 'forward' }] }, 'foreign-rules', 'warning', /inet firewalld filter_FORWARD/],
  ['a firewall that drops what comes in', { droppingChains: [{ family: 'ip', table: 'filter', chain: 'INPUT', hook: 'input' }] }, 'foreign-rules', 'warning', /ip filter INPUT/],
  ['flanneld beside the agent', { foreignPrograms: ['flanneld'] }, 'other-networks', 'failure', /flanneld runs/],
  ['a CNI file that comes first', { cniFiles: ['05-other.conf', '10-weft.conflist'] }, 'other-networks', 'failure', /pods get the first/],
  ['a CNI file that comes later', { cniFiles: ['10-weft.conflist', '99-loop.conf'] }, 'other-networks', 'warning', /99-loop/],
  ['an address that no interface has', network({ nodeIp: parseAddress('192.0.2.99', 'a') }), 'node-address', 'failure', /no interface has/],
  ['an address that another node has, too', { peers: [{ ...PEER, address: '192.0.2.1' }] }, 'node-address', 'failure', /also the address of two/],
  ['a cloned machine', { peers: [{ ...PEER, machineId: 'm1' }] }, 'node-address', 'warning', /cloned/],
  ['an address inside the pod network', network({ pods: parsePrefix('192.0.0.0/16', 'p') }), 'node-address-inside', 'failure', /lies in 192\.0\.0\.0\/16/],
  ['a pod network that a route leads elsewhere', { routes: [{ destination: parsePrefix('10.0.0.0/8', 'r'), link: 'tun0' }] }, 'overlapping-networks', 'failure', /10\.0\.0\.0\/8 by tun0/],
  ['a link too small for the tunnel', { links: [{ ...GOOD.links[0]!, mtu: 1300 }] }, 'mtu', 'failure', /leaves pods 1250/],
  ['a path that cuts packets', { peers: [{ ...PEER, fullPackets: false }] }, 'mtu', 'failure', /do not reach two/],
  ['a taken port', { listeners: [{ protocol: 'tcp', port: 10_256, program: 'kube-proxy' }] }, 'ports', 'failure', /10256.*kube-proxy/],
  ['a program on a node port', { listeners: [{ protocol: 'udp', port: 30_053, program: 'named' }] }, 'ports', 'warning', /30053 \(named\)/],
  ['own connections from node ports', { ephemeralPorts: [15_000, 60_999] }, 'ports', 'warning', /15000 to 60999/],
  ['an API server that is away', { api: { ...GOOD.api!, problem: 'connect ECONNREFUSED' } }, 'api-server', 'failure', /ECONNREFUSED/],
  ['a host that is away', { peers: [{ ...PEER, reachable: false }] }, 'peers', 'failure', /two \(192\.0\.2\.2\) cannot be reached/],
  ['a daemon that is down', { units: [{ name: 'weft-proxy', state: 'failed' }] }, 'daemons', 'failure', /weft-proxy is failed/],
  ['a daemon that is ill', { health: [{ name: 'weft-agent', problem: '/healthz answers 503' }] }, 'daemons', 'failure', /503/],
]

for (const [title, change, check, level, message] of WRONG) {
  test(`${title} is found, with what to do`, t => {
    const findings = examine({ ...GOOD, ...change }).filter(finding => finding.level !== 'ok')
    const [found] = findings.filter(finding => finding.check === check)
    t.deepEqual([found?.check, found?.level], [check, level])
    t.regex(found!.message, message)
    t.not(found!.remedy, '')
    t.is(exitCode(findings, { strict: false }), level === 'failure' ? 1 : 0)
    t.is(exitCode(findings, { strict: true }), 1)
  })
}

test('every check can find something, and has a name of its own', t => {
  t.deepEqual([...new Set(WRONG.map(([, , check]) => check))].sort(), CHECKS.map(({ name }) => name).filter(name => name !== 'privileges').sort())
})

test('before an installation the same host is judged by what it is to become', t => {
  const { installed: _, ...fresh } = GOOD
  const findings = examine({ ...fresh, installed: undefined, listeners: [], units: [], health: [], api: undefined, peers: [], cniFiles: [], settings: { 'net/ipv4/ip_forward': '0' } })
  t.is(worst(findings), 'ok')
})

test('both forms tell the same', t => {
  fc.assert(fc.property(fc.subarray(WRONG.map(([, change]) => change)), changes => {
    const findings = examine(Object.assign({}, GOOD, ...changes) as HostFacts)
    const json = JSON.parse(findingsJson(findings)) as { level: string; findings: readonly { message: string; remedy: string }[] }
    const text = formatFindings(findings)
    t.is(json.level, worst(findings))
    for (const { message, remedy } of json.findings) t.true(text.includes(message) && text.includes(remedy))
  }))
})
