// Real flanneld beside Weft's agent, leases in Weft's own API server. Skips where the peer is not built.

import { existsSync } from 'node:fs'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { NODES } from '../../../src/client/resources.ts'
import { KubeCluster } from '../../kernel/agent/kube-cluster.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'

const { signal } = new AbortController()
const PREFIX = 'flannel.alpha.coreos.com/'

for (const version of ['flanneld-0.28.4', 'flanneld-0.20.2']) {
  const program = findPeer(version)
  const run = program === undefined ? test.serial.skip : test.serial
  for (const backend of [{ Type: 'vxlan' }, { Type: 'host-gw' }]) {
    run(`T58: flanneld leases from Weft's API server and its pods meet those of Weft's agents: ${version}, ${backend.Type}${program === undefined ? ` (${missingPeer(version)})` : ''}`, async t => {
      await using cluster = await KubeCluster.open({ hosts: 2, spareHosts: 1, backend })
      const host = cluster.lab.host(3)
      await cluster.addNode(host)
      const theirs = cluster.startAgent(host, { program: [program!] })
      await eventually(() => existsSync(theirs.subnetFile) || theirs.tail, { timeoutMs: 20_000 })
      const pod = await host.addPod()
      for (const other of cluster.pods) {
        await eventually(async () => (await pod.ping(other.address, { timeoutMs: 200 })) || `no way to ${other.address}\n${theirs.tail}`)
        await eventually(async () => (await other.ping(pod.address, { timeoutMs: 200 })) || `no way to ${pod.address}`)
      }
      const annotations = async (name: string) => {
        const all = (await cluster.client.get(NODES, { name }, { signal })).metadata.annotations ?? {}
        return Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(PREFIX) && !key.endsWith('weft-pod-mtu')).map(([key, value]) => [key, value.replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|172\.30\.0\.\d/g, '*')]))
      }
      t.deepEqual(await annotations('host-1'), await annotations('host-3'))
    })
  }
}
