// deploy/weft.yml says what the code says, and its own parts fit together.

import test from 'ava'
import { AGENT_RULES } from '../../../src/cluster/agent-role.ts'
import { FLAGS } from '../../../src/agent/flags/flag-table.ts'
import { parseNetworkConfig } from '../../../src/agent/config/network-config.ts'
import { parseConfigFile, readConfig } from '../../../src/proxy/config/read-config.ts'
import { findManifest, readManifests } from '../../lab/manifests.ts'

const objects = readManifests()
const config = findManifest(objects, 'ConfigMap', 'weft')['data'] as Record<string, string>

test('the agent may do what the local cluster\'s agents may', t => {
  const sorted = (rules: readonly unknown[]): readonly string[] => rules.map(rule => JSON.stringify(rule, Object.keys(rule as object).sort())).sort()
  t.deepEqual(sorted(findManifest(objects, 'ClusterRole', 'weft-agent')['rules'] as readonly unknown[]), sorted(AGENT_RULES))
})

test('both configurations are read without a warning and agree on the pod network', t => {
  const network = parseNetworkConfig(config['net-conf.json']!, { source: 'net-conf.json', store: 'kube' })
  t.is(network.backend.kind, 'vxlan')
  const { tree, warnings } = parseConfigFile(config['proxy.yaml']!, 'proxy.yaml')
  t.deepEqual(warnings, [])
  t.is(readConfig(tree).mode, 'iptables')
  t.is((tree as { clusterCIDR: string }).clusterCIDR, (JSON.parse(config['net-conf.json']!) as { Network: string }).Network)
})

test('every flag exists, every mount has its volume, and nothing is used that is not defined', t => {
  const known = new Set<string>(FLAGS.map(({ name }) => name))
  for (const set of objects.filter(({ kind }) => kind === 'DaemonSet')) {
    const { containers, volumes, serviceAccountName } = set['spec'].template.spec
    const [container] = containers
    t.deepEqual(container.volumeMounts.map(({ name }: { name: string }) => name).sort(), volumes.map(({ name }: { name: string }) => name).sort())
    t.truthy(findManifest(objects, 'ServiceAccount', serviceAccountName))
    t.deepEqual(set['spec'].selector.matchLabels, set['spec'].template.metadata.labels)
    if (container.args[0] === 'agent') for (const word of container.args.slice(1)) t.true(known.has(/^--([\w-]+)/.exec(word)![1]!), word)
  }
})
