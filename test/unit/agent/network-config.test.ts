import test from 'ava'
import { formatAddress } from '../../../src/net/ip/address.ts'
import { formatPrefix } from '../../../src/net/ip/prefix.ts'
import { parseNetworkConfig, type StoreKind } from '../../../src/agent/config/network-config.ts'
import type { VxlanConfig } from '../../../src/agent/config/backend-config.ts'

const parse = (value: unknown, store: StoreKind = 'etcd') =>
  parseNetworkConfig(typeof value === 'string' ? value : JSON.stringify(value), { source: 'net-conf.json', store })

test('the worked defaults of flannel: lengths, first and last subnet', t => {
  const rows = [
    ['10.3.0.0/16', 24, '10.3.1.0', '10.3.255.0'],
    ['10.3.0.0/23', 25, '10.3.0.128', '10.3.1.128'],
    ['10.3.0.0/28', 30, '10.3.0.4', '10.3.0.12'],
  ] as const
  for (const [network, length, first, last] of rows) {
    const pool = parse({ Network: network }).pools[4]!
    t.deepEqual([pool.subnetLength, formatAddress(pool.first), formatAddress(pool.last)], [length, first, last], network)
  }
  const v6 = parse({ Network: '10.0.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: { Type: 'vxlan' } }).pools[6]!
  t.deepEqual([v6.subnetLength, formatAddress(v6.first), formatAddress(v6.last)], [64, 'fc00:0:0:1::', 'fc00:0:0:ffff::'])
})

test('members are read as Go reads them: any case, unknown ones ignored, the last wins, host bits masked', t => {
  const config = parse('{"NETWORK":"10.9.0.0/16","network":"10.5.3.1/16","Unknown":{"x":1},"backend":{"type":"VXLAN","vni":7}}')
  t.is(formatPrefix(config.pools[4]!.network), '10.5.0.0/16')
  t.deepEqual({ kind: config.backend.kind, vni: (config.backend as VxlanConfig).vni }, { kind: 'vxlan', vni: 7 })
})

test('an absent Backend is udp, as in the program and not as in its manual', t => {
  t.deepEqual(parse({ Network: '10.3.0.0/16' }).backend, { kind: 'udp', port: 8285 })
})

test('T12: every wrong member is refused and named', t => {
  const vxlan = { Type: 'vxlan' }
  const wireguard = { Type: 'wireguard' }
  const rows: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{}, /^Network: null: is required/],
    [{ Network: 5 }, /^Network: 5: is not a string/],
    [{ Network: 'fd00::/48' }, /^Network: .*is not an IPv4 network/],
    [{ Network: '10.3.0.0/33' }, /^Network: /],
    [{ Network: '10.3.0.0/29' }, /^Network: .*too small/],
    [{ Network: '10.3.0.0/16', EnableIPv4: 'yes' }, /^EnableIPv4: "yes"/],
    [{ EnableIPv4: false }, /^EnableIPv4: false: and EnableIPv6 are both off/],
    [{ EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: vxlan }, /^EnableIPv4: .*etcd/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, Backend: vxlan }, /^IPv6Network: null: is required/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, IPv6Network: '10.4.0.0/16', Backend: vxlan }, /^IPv6Network: .*not an IPv6/],
    [{ Network: '10.3.0.0/16', EnableNFTables: 1 }, /^EnableNFTables: 1/],
    [{ Network: '10.3.0.0/16', SubnetLen: 31 }, /^SubnetLen: 31: is above 30/],
    [{ Network: '10.3.0.0/16', SubnetLen: 17 }, /^SubnetLen: 17: leaves fewer than four/],
    [{ Network: '10.3.0.0/16', SubnetLen: '24' }, /^SubnetLen: "24"/],
    [{ Network: '10.3.0.0/16', SubnetLen: -1 }, /^SubnetLen: -1/],
    [{ Network: '10.3.0.0/16', SubnetMin: '10.4.0.0' }, /^SubnetMin: "10.4.0.0": is outside/],
    [{ Network: '10.3.0.0/16', SubnetMin: '10.3.0.5' }, /^SubnetMin: .*not the first address/],
    [{ Network: '10.3.0.0/16', SubnetMax: 'x' }, /^SubnetMax: "x"/],
    [{ Network: '10.3.0.0/16', SubnetMin: '10.3.9.0', SubnetMax: '10.3.8.0' }, /^SubnetMin: .*above SubnetMax/],
    [{ Network: '10.3.0.0/16', Backend: {} }, /^Backend.Type: null/],
    [{ Network: '10.3.0.0/16', Backend: 'vxlan' }, /^Backend: "vxlan": is not a JSON object/],
    [{ Network: '10.3.0.0/16', Backend: { Type: 'geneve' } }, /^Backend.Type: "geneve"/],
    [{ Network: '10.3.0.0/16', Backend: { Type: 'ipsec' } }, /^Backend.Type: "ipsec": is a backend of flannel/],
    [{ Network: '10.3.0.0/16', Backend: { ...wireguard, Mode: 'both' } }, /^Backend.Mode: "both": is none of separate, auto, ipv4, ipv6/],
    [{ Network: '10.3.0.0/16', Backend: { ...wireguard, Mode: 'ipv6' } }, /^Backend.Mode: "ipv6": needs EnableIPv6/],
    [{ Network: '10.3.0.0/16', Backend: { ...wireguard, PSK: 'c2VjcmV0' } }, /^Backend.PSK: is not a WireGuard key: 32 bytes in base64/],
    [{ Network: '10.3.0.0/16', Backend: { ...wireguard, ListenPort: 65_536 } }, /^Backend.ListenPort: 65536/],
    [{ Network: '10.3.0.0/16', Backend: { ...wireguard, PersistentKeepaliveInterval: '5s' } }, /^Backend.PersistentKeepaliveInterval: "5s"/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: { ...wireguard, ListenPort: 51_821 } }, /^Backend.ListenPortV6: 51821: is also ListenPort/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: { ...wireguard, MTU: 1300 } }, /^Backend.MTU: 1300: leaves pods less/],
    [{ Network: '10.3.0.0/16', Backend: { Type: 'tencent-vpc' } }, /^Backend.Type: "tencent-vpc"/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48' }, /^Backend.Type: "udp": carries IPv4 only/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, VNI: 16_777_216 } }, /^Backend.VNI: 16777216/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, VNI: 10_000_000 } }, /^Backend.VNI: .*flannel.10000000, longer/],
    [{ Network: '10.3.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: { ...vxlan, VNI: 10_000 } }, /^Backend.VNI: .*flannel-v6.10000/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, Port: 65_536 } }, /^Backend.Port: 65536/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, MTU: 100 } }, /^Backend.MTU: 100/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, GBP: 'on' } }, /^Backend.GBP: "on"/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, Learning: 1 } }, /^Backend.Learning: 1/],
    [{ Network: '10.3.0.0/16', Backend: { ...vxlan, DirectRouting: 'true' } }, /^Backend.DirectRouting: "true"/],
    [{ Network: '10.3.0.0/16', Backend: { Type: 'extension', SubnetAddCommand: 5 } }, /^Backend.SubnetAddCommand: 5/],
  ]
  for (const [value, message] of rows) t.throws(() => parse(value), { code: 'INVALID_INPUT', message }, JSON.stringify(value))
  t.throws(() => parse('{"Network": '), { message: /^net-conf.json: .*is not JSON/ })
})

test('IPv6 alone is possible where leases are Kubernetes nodes', t => {
  const config = parse({ EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fc00::/48', Backend: { Type: 'vxlan' } }, 'kube')
  t.deepEqual(Object.keys(config.pools), ['6'])
})

test('wireguard has flannel\'s options and defaults, and a PSK that is wrong is not shown', t => {
  const backend = (options: object) => parse({ Network: '10.3.0.0/16', Backend: { Type: 'wireguard', ...options } }).backend
  const defaults = { kind: 'wireguard', listenPort: 51_820, listenPortV6: 51_821, mtu: undefined, psk: undefined, keepaliveSeconds: 0, mode: 'separate' }
  t.deepEqual(backend({}), defaults as never)
  const psk = Buffer.alloc(32, 7).toString('base64')
  t.deepEqual(backend({ listenport: 1, ListenPortV6: 2, MTU: 1400, PSK: psk, PersistentKeepaliveInterval: 25, Mode: 'auto' }),
    { kind: 'wireguard', listenPort: 1, listenPortV6: 2, mtu: 1400, psk, keepaliveSeconds: 25, mode: 'auto' } as never)
  t.notRegex(t.throws(() => backend({ PSK: 'sesame' })).message, /sesame/)
})
