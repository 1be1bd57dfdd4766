import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { annotationNames, annotationsOf, changedAnnotations, leaseOfNode, podSubnets } from '../../../src/agent/leases/kube/annotations.ts'
import { sameAttributes } from '../../../src/agent/leases/lease.ts'

const names = annotationNames('flannel.alpha.coreos.com')
const node = (annotations: Record<string, string>, podCIDRs: readonly string[] = ['10.244.1.0/24']) =>
  ({ metadata: { name: 'a', annotations, creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { podCIDRs: [...podCIDRs] } })

test('T58: a vxlan node\'s annotations have flannel\'s names and values', t => {
  const attributes = { publicIps: { 4: parseAddress('192.168.64.3', 'p') }, backendType: 'vxlan', backendData: { 4: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } } }
  t.deepEqual(annotationsOf(attributes, { names, families: [4], current: {} }), {
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
    'flannel.alpha.coreos.com/backend-type': 'vxlan',
    'flannel.alpha.coreos.com/public-ip': '192.168.64.3',
    'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}',
  })
  t.is(annotationsOf({ ...attributes, backendType: 'host-gw', backendData: {} }, { names, families: [4], current: {} })['flannel.alpha.coreos.com/backend-data'], 'null')
})

test('T61: annotation prefixes follow flannel\'s rule', t => {
  t.is(annotationNames('example.com').marker, 'example.com/kube-subnet-manager')
  t.is(annotationNames('example.com/a').marker, 'example.com/a-kube-subnet-manager')
  t.is(annotationNames('example.com/a-').publicIp[6], 'example.com/a-public-ipv6')
  for (const bad of ['a/b/c', 'Example.com', 'exa mple.com', '/']) t.throws(() => annotationNames(bad), { code: 'INVALID_INPUT' }, bad)
})

test('T61: public-ip-overwrite is published instead of the real address', t => {
  const attributes = { publicIps: { 4: parseAddress('10.0.0.1', 'p') }, backendType: 'vxlan', backendData: {} }
  const written = annotationsOf(attributes, { names, families: [4], current: { [names.publicIpOverwrite[4]]: '203.0.113.9' } })
  t.is(written[names.publicIp[4]], '203.0.113.9')
})

test('what one agent writes another reads, in both families', t => {
  const v4 = fc.bigInt({ min: 1n, max: (1n << 32n) - 1n }).map(bits => addressFromBits(4, bits))
  const v6 = fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }).map(bits => addressFromBits(6, bits))
  fc.assert(fc.property(v4, v6, fc.constantFrom('vxlan', 'host-gw', 'wireguard'), fc.integer({ min: 1, max: 9999 }), (a, b, backendType, vni) => {
    const data = backendType === 'host-gw' ? {} : { 4: { VNI: vni, VtepMAC: '0e:00:00:00:00:01' }, 6: { VNI: vni, VtepMAC: '0e:00:00:00:00:02' } }
    const attributes = { publicIps: { 4: a, 6: b }, backendType, backendData: data, podMtu: 1400 }
    const written = annotationsOf(attributes, { names, families: [4, 6], current: {} })
    t.true(sameAttributes(leaseOfNode(node(written), names)!.attributes, attributes))
    t.deepEqual(changedAnnotations(written, { ...written, other: 'x' }), {})
  }))
})

test('T59: pod CIDRs come in either order, one per family; a third is refused', t => {
  t.deepEqual(podSubnets(node({}, ['fd00:1::/64', '10.244.1.0/24'])), { 4: parsePrefix('10.244.1.0/24', 's'), 6: parsePrefix('fd00:1::/64', 's') })
  t.deepEqual(podSubnets({ spec: { podCIDR: '10.244.1.0/24' } }), { 4: parsePrefix('10.244.1.0/24', 's') })
  t.deepEqual(podSubnets({ spec: {} }), {})
  t.throws(() => podSubnets(node({}, ['10.1.0.0/24', '10.2.0.0/24', 'fd00::/64'])), { code: 'NODE_LEASE_INVALID' })
  t.throws(() => podSubnets(node({}, ['10.1.0.0/24', '10.2.0.0/24'])), { code: 'NODE_LEASE_INVALID' })
})

test('T60: a node without the marker or without a pod CIDR is no peer, and an unreadable one is an error of its own', t => {
  t.is(leaseOfNode(node({}), names), undefined)
  t.is(leaseOfNode(node({ [names.marker]: 'yes' }), names), undefined)
  t.is(leaseOfNode(node({ [names.marker]: 'true' }, []), names), undefined)
  t.throws(() => leaseOfNode(node({ [names.marker]: 'true', [names.publicIp[4]]: 'here' }), names), { message: /node a: .*public-ip: "here"/ })
  t.throws(() => leaseOfNode(node({ [names.marker]: 'true', [names.backendData[4]]: '{' }), names), { message: /is not JSON/ })
})
