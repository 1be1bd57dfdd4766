import test from 'ava'
import { parseClusterOptions } from '../../../src/cluster/cluster-options.ts'
import { clusterPaths } from '../../../src/cluster/cluster-paths.ts'
import { planCluster } from '../../../src/cluster/cluster-plan.ts'
import { formatNetConfig, planApiServer, planControllerManager, planHostDaemons } from '../../../src/cluster/daemons-plan.ts'
import { planPrefixes } from '../../../src/cluster/prefix-plan.ts'

const planOf = (name: string, backend = 'vxlan') => {
  const options = parseClusterOptions({ name, nodes: '3', backend, proxyMode: 'iptables' })
  return planCluster(options, planPrefixes(options, []))
}
const BASE = { path: '/bin', compileCache: undefined }
const daemonsOf = (name: string) => {
  const plan = planOf(name)
  return [planApiServer(plan, BASE), planControllerManager(plan, BASE), ...plan.hosts.flatMap(host => planHostDaemons(plan, host, BASE, 'eth0'))]
}

test('the first host runs the control plane, and every host runs agent, proxy and node part', t => {
  t.deepEqual(daemonsOf('local').map(one => `${one.host} ${one.component}`).sort(), [
    'host-1 agent', 'host-1 apiserver', 'host-1 controller-manager', 'host-1 node', 'host-1 proxy',
    'host-2 agent', 'host-2 node', 'host-2 proxy', 'host-3 agent', 'host-3 node', 'host-3 proxy',
  ])
})

test('every file that a daemon is told of lies in its cluster\'s folder, and no two daemons share log or lock', t => {
  const { folder } = clusterPaths(planOf('local').name)
  const daemons = daemonsOf('local')
  const paths = daemons.flatMap(one => one.args.flatMap(arg => /=(\/\S+)$/.exec(arg)?.[1] ?? []))
  t.deepEqual(paths.filter(path => !path.startsWith(`${folder}/`)), [])
  t.is(new Set(daemons.map(one => one.logFile)).size, daemons.length)
  t.is(new Set(daemons.map(one => one.env['XTABLES_LOCKFILE'])).size, 3)
})

test('two clusters share nothing but the prefixes inside their hosts', t => {
  const values = (name: string) => new Set(daemonsOf(name).flatMap(one => [one.netns, one.logFile, ...Object.values(one.env).filter(value => value.startsWith('/var'))]))
  const a = values('a')
  t.deepEqual([...values('b')].filter(value => a.has(value)), [])
})

test('sockets fit into a unix socket\'s address whatever the names', t => {
  const plan = { ...planOf('abcdefghij') }
  const sockets = plan.hosts.flatMap(host => planHostDaemons(plan, host, BASE, 'eth0')).map(one => one.env['WEFT_CNI_SOCKET']!)
  // sun_path of unix(7) has 108 bytes; the socket is bound under a longer, temporary name first.
  t.true(sockets.every(socket => socket.length < 90))
})

test('the network configuration is flannel\'s', t => {
  t.deepEqual(JSON.parse(formatNetConfig(planOf('local', 'host-gw'))), { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } })
})
