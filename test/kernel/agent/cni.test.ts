import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import type { Host } from '../../lab/lab.ts'
import { LabNetns } from '../../lab/lab-netns.ts'
import { AgentLab } from '../../lab/agent.ts'
import { KubeCluster } from './kube-cluster.ts'

/** Runs the plugin that the agent installed as a runtime would: first entry of the list, with name and version put in. */
async function addPod(agent: AgentLab, host: Host, pod: LabNetns): Promise<string> {
  const list = JSON.parse(readFileSync(join(agent.directory, 'net.d', '10-weft.conflist'), 'utf8')) as { name: string; cniVersion: string; plugins: object[] }
  const { stdout } = await host.exec([join(agent.directory, 'bin', 'weft-cni')], {
    input: JSON.stringify({ ...list.plugins[0], name: list.name, cniVersion: list.cniVersion }),
    env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: pod.name, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0', CNI_PATH: join(agent.directory, 'bin'), WEFT_CNI_SOCKET: join(agent.directory, 'cni.sock') },
  })
  return (JSON.parse(stdout) as { ips: { address: string }[] }).ips[0]!.address.split('/')[0]!
}

test.serial('the agent publishes the CNI configuration when its network is ready, and pods wired by it meet across hosts', async t => {
  await using cluster = await KubeCluster.open({ hosts: 2, backend: { Type: 'vxlan' }, cni: true, pods: false })
  const pods: { pod: LabNetns; address: string }[] = []
  for (const host of cluster.lab.hosts) {
    const agent = cluster.agent(host.number)
    await eventually(() => agent.logged('ready').length > 0 || agent.tail)
    const pod = host.use(await LabNetns.open(`cni-pod-${host.number}`, `${host.netns}-cni-pod`))
    pods.push({ pod, address: await addPod(agent, host, pod) })
  }
  t.regex(pods[0]!.address, /^10\.244\.1\./)
  t.regex(pods[1]!.address, /^10\.244\.2\./)
  await eventually(() => pods[0]!.pod.ping(pods[1]!.address, { timeoutMs: 200 }))
  t.true(await pods[1]!.pod.ping(pods[0]!.address, { payloadBytes: 1450 - 28 }))
})
