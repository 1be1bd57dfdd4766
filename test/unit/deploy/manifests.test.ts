// deploy/weft.yml says what the code says, and its own parts fit together.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

test('the image has every program that agent and proxy call, and copies nothing that is not there', t => {
  const root = join(import.meta.dirname, '..', '..', '..')
  const dockerfile = readFileSync(join(root, 'deploy', 'Dockerfile'), 'utf8')
  const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '))
  const packages = execFileSync('sh', ['-c', '. runtime/setup.sh; for program in $(programs_of agent) $(programs_of proxy); do package_of apt-get $program; done'], { cwd: root, encoding: 'utf8', env: { ...process.env, root, cache: join(root, '.cache') } })
  for (const name of packages.trim().split('\n')) t.true(new RegExp(`install [^&]*\\b${name}\\b`).test(last), name)
  for (const [, path] of dockerfile.matchAll(/(?:make -C|node) ([\w/.]+\/[\w.-]+)/g)) t.true(existsSync(join(root, path!)), path)
})
