import test from 'ava'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { systemClock } from '../../../src/ops/clock.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { parseNetworkConfig } from '../../../src/agent/config/network-config.ts'
import { Etcd3Registry } from '../../../src/agent/leases/etcd/etcd3-registry.ts'
import { EtcdLeaseManager } from '../../../src/agent/leases/etcd/etcd-lease-manager.ts'
import { formatSubnets } from '../../../src/agent/leases/lease.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'

const run = hasEtcd() ? test : test.skip
const PREFIX = '/coreos.com/network'

run('T05: fifty hosts that want a subnet at the same instant, of fifty-six, get one each', async t => {
  await using etcd = await EtcdLab.open()
  await using held = new AsyncDisposableStack()
  const { pools } = parseNetworkConfig('{"Network":"10.3.0.0/16","SubnetMin":"10.3.8.0","SubnetMax":"10.3.63.0"}', { source: 'test', store: 'etcd' })
  const managers = Array.from({ length: 50 }, (_, index) => held.use(new EtcdLeaseManager({
    registry: new Etcd3Registry({ endpoints: [etcd.url], prefix: PREFIX, tls: { key: '', cert: '', ca: '' }, username: '', password: '' }),
    pools, nodeId: `node-${index}`, previous: {}, previousInUse: async () => false, localAddresses: async () => [], endpoints: [etcd.url],
    ttlSeconds: 3_600, renewMarginSeconds: 60, takeOver: false, allowRenumber: false, onLost: 'exit', log: silentLog(), clock: systemClock, random: Math.random,
  })))
  const { signal } = new AbortController()
  const leases = await Promise.all(managers.map((manager, index) => manager.acquire(
    { publicIps: { 4: parseAddress(`192.0.2.${index + 1}`, 'test') }, backendType: 'vxlan', backendData: {} }, { onWait: () => {}, signal },
  )))
  t.is(new Set(leases.map(lease => formatSubnets(lease.subnets))).size, 50)
  t.is(Object.keys(await etcd.all(`${PREFIX}/subnets/`)).length, 50)
})
