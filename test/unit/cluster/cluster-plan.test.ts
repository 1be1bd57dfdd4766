import test from 'ava'
import fc from 'fast-check'
import { formatAddress } from '../../../src/net/ip/address.ts'
import { containsAddress } from '../../../src/net/ip/prefix.ts'
import { parseClusterOptions, type ClusterFlags } from '../../../src/cluster/cluster-options.ts'
import { apiServerUrl, formatClusterPlan, kubernetesServiceAddress, parseClusterPlan, planCluster } from '../../../src/cluster/cluster-plan.ts'
import { planPrefixes } from '../../../src/cluster/prefix-plan.ts'

const FLAGS: ClusterFlags = { name: 'local', nodes: '3', backend: 'vxlan', proxyMode: 'iptables' }
const planOf = (flags: Partial<ClusterFlags>) => {
  const options = parseClusterOptions({ ...FLAGS, ...flags })
  return planCluster(options, planPrefixes(options, []))
}

test('a plan survives its record', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.constantFrom('vxlan', 'host-gw'), (nodes, backend) => {
      const plan = planOf({ nodes: String(nodes), backend })
      t.deepEqual(parseClusterPlan(formatClusterPlan(plan), 'cluster.json'), plan)
    }),
  )
})

test('every address of the underlay is used once and lies inside it', t => {
  const { hosts, underlay } = planOf({ nodes: '100' })
  const addresses = [underlay.uplinkAddress, underlay.gateway, ...hosts.map(host => host.address)]
  t.true(addresses.every(address => containsAddress(underlay.prefix, address)))
  t.is(new Set(addresses.map(formatAddress)).size, addresses.length)
})

test('the first host is the control plane', t => {
  const plan = planOf({})
  t.is(apiServerUrl(plan), 'https://172.30.0.11:6443')
  t.is(formatAddress(kubernetesServiceAddress(plan)), '10.96.0.1')
  t.deepEqual(plan.hosts.map(host => host.namespace), ['weft.local.host-1', 'weft.local.host-2', 'weft.local.host-3'])
})

test('a damaged record names its file and what to do', t => {
  for (const text of ['', '{', '{}', 'null', '{"version":2}', formatClusterPlan(planOf({})).replace('172.30', '999.30')]) {
    t.throws(() => parseClusterPlan(text, '/x/cluster.json'), { code: 'CLUSTER_RECORD_DAMAGED', message: /\/x\/cluster\.json is damaged: .*weft down/ })
  }
})

test('flags that cannot be used are refused, naming flag and value', t => {
  const refused: readonly (readonly [Partial<ClusterFlags>, RegExp])[] = [
    [{ nodes: '0' }, /--nodes: "0"/],
    [{ nodes: '101' }, /--nodes: "101"/],
    [{ nodes: '3x' }, /--nodes: "3x"/],
    [{ backend: 'ipip' }, /--backend: "ipip": is none of vxlan, host-gw/],
    [{ proxyMode: 'ipvs' }, /--proxy-mode: "ipvs"/],
    [{ podCidr: '10.244.0.1/16' }, /--pod-cidr: .*the network is 10\.244\.0\.0\/16/],
    [{ podCidr: '10.244.0.0/23' }, /--pod-cidr: .*no room for 3 host subnets/],
    [{ podCidr: 'fd00::/48' }, /--pod-cidr: .*IPv6/],
    [{ serviceCidr: '10.96.0.0/30' }, /--service-cidr: .*between \/12 and \/29/],
    [{ podCidr: '10.96.0.0/12', serviceCidr: '10.96.0.0/16' }, /--service-cidr: .*overlaps --pod-cidr/],
  ]
  for (const [flags, message] of refused) t.throws(() => parseClusterOptions({ ...FLAGS, ...flags }), { message }, JSON.stringify(flags))
})

test('a pod prefix with just enough host subnets is accepted', t => {
  t.notThrows(() => parseClusterOptions({ ...FLAGS, nodes: '4', podCidr: '10.244.0.0/22' }))
})
