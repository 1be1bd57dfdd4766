// Real flanneld on neighbouring hosts with the backends whose kernel modules a small machine may lack: wireguard and ipip.
// `npm run test:vm` runs it where the kernel has them. Leases are in a real etcd.

import { existsSync } from 'node:fs'
import test from 'ava'
import { Wireguard } from '../../../src/net/wireguard/wireguard.ts'
import { AgentLab } from '../../lab/agent.ts'
import { eventually } from '../../lab/eventually.ts'
import { hasEtcd } from '../../lab/etcd.ts'
import { missingLinkKind } from '../../lab/kernel-features.ts'
import type { Host } from '../../lab/lab.ts'
import { allMeet, EtcdCluster } from '../../kernel/agent/etcd-cluster.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const PSK = Buffer.alloc(32, 5).toString('base64')
const v4 = (backend: object) => ({ Network: '10.3.0.0/16', Backend: backend })
const dual = (backend: object) => ({ ...v4(backend), EnableIPv6: true, IPv6Network: 'fd42::/48' })

type Case = Readonly<{ name: string; kind: 'wireguard' | 'ipip'; netConf: Readonly<{ Backend: object }>; versions: readonly string[] }>

const [NEW, OLD] = ['flanneld-0.28.4', 'flanneld-0.20.2']
const wireguard = (more: object = {}) => ({ Type: 'wireguard', PSK, PersistentKeepaliveInterval: 5, ...more })
const CASES: readonly Case[] = [
  { name: 'T38: wireguard with a shared key', kind: 'wireguard', netConf: v4(wireguard()), versions: [NEW, OLD] },
  { name: 'T38: wireguard of both families', kind: 'wireguard', netConf: dual(wireguard()), versions: [NEW] },
  // flannel publishes 51821 and listens on 51820: Weft knows, and publishes the port that it has.
  { name: 'T39: wireguard in mode ipv4', kind: 'wireguard', netConf: dual(wireguard({ Mode: 'ipv4' })), versions: [NEW] },
  { name: 'T39: wireguard in mode ipv6', kind: 'wireguard', netConf: dual(wireguard({ Mode: 'ipv6' })), versions: [NEW] },
  { name: 'T39: wireguard in mode auto', kind: 'wireguard', netConf: dual(wireguard({ Mode: 'auto' })), versions: [NEW] },
  { name: 'T42: ipip', kind: 'ipip', netConf: v4({ Type: 'ipip' }), versions: [NEW, OLD] },
  { name: 'T42: ipip with direct routing', kind: 'ipip', netConf: v4({ Type: 'ipip', DirectRouting: true }), versions: [NEW] },
]

const missing = { wireguard: await missingLinkKind('wireguard'), ipip: await missingLinkKind('ipip') }

function flanneld(cluster: EtcdCluster, host: Host, options: Readonly<{ version: string; directory?: string }>): AgentLab {
  const { version, ...rest } = options
  return host.use(AgentLab.start({ host, flags: cluster.sharedFlags, program: [findPeer(version)!], ...rest }))
}

const running = (agent: AgentLab): Promise<true> => eventually(() => (existsSync(agent.subnetFile) && agent.tail.includes('Running backend')) || agent.tail, { timeoutMs: 30_000 })

for (const { name, kind, netConf, versions } of CASES) {
  for (const version of versions) {
    const reason = missing[kind] ?? (findPeer(version) === undefined ? missingPeer(version) : undefined)
    const run = reason === undefined && hasEtcd() ? test.serial : test.serial.skip
    run(`${name}: pods meet beside ${version}, which is replaced by Weft and back with the same subnet${reason === undefined ? '' : ` (${reason})`}`, async t => {
      await using cluster = await EtcdCluster.open({ hosts: 2, netConf })
      const [h1, h2] = cluster.lab.hosts as [Host, Host]
      const first = flanneld(cluster, h1, { version })
      await running(first)
      const second = await cluster.agent(h2)
      const pods = [await cluster.addPod(h1, first), await cluster.addPod(h2, second)]
      await allMeet(pods)
      t.deepEqual(first.log.filter(line => /^[EF]\d{4} /.test(line.msg)).map(({ msg }) => msg), [])
      const [env, leases] = [first.subnetEnv(), Object.keys(await cluster.leases()).toSorted()]
      const ownKey = async (): Promise<string | undefined> => {
        await using wg = Wireguard.open({ netns: h1.netns })
        return (await wg.device('flannel-wg', { signal: new AbortController().signal }))?.publicKey
      }
      const key = await ownKey()
      await first.stop()
      const weft = h1.use(AgentLab.start({ host: h1, flags: cluster.sharedFlags, directory: first.directory }))
      await weft.ready()
      await allMeet(pods)
      t.deepEqual([weft.subnetEnv(), Object.keys(await cluster.leases()).toSorted(), await ownKey()], [env, leases, key])
      t.is(await weft.stop(), 0)
      const back = flanneld(cluster, h1, { version, directory: first.directory })
      await running(back)
      await allMeet(pods)
      t.deepEqual([back.subnetEnv(), Object.keys(await cluster.leases()).toSorted(), await ownKey()], [env, leases, key])
    })
  }
}
