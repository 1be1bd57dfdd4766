// A real container runtime wires its pods through Weft. Needs the peers "containerd-1.7" and "runc-1.1" (docs/peers.md).

import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CniLab } from '../../kernel/cni/cni-lab.ts'
import { eventually } from '../../lab/eventually.ts'
import { missingPeer } from '../../peers/cache.ts'
import { CONTAINERD, ContainerdLab, RUNC } from './containerd-lab.ts'

const real = CONTAINERD === undefined || RUNC === undefined ? test.skip : test.serial
if (CONTAINERD === undefined || RUNC === undefined) test('containerd is at hand', t => t.pass(missingPeer('containerd-1.7')))

real('thirty pods at once through the CRI: ready, addressed, reachable, gone; the runtime\'s restart changes nothing (69)', async t => {
  t.timeout(300_000)
  await using lab = await CniLab.open({ agent: false })
  await lab.start({ publish: true })
  await using containerd = await ContainerdLab.open(lab)
  await eventually(() => containerd.networkReady(), { timeoutMs: 20_000, intervalMs: 200 })

  const first = await containerd.run('web', { port_mappings: [{ protocol: 0, container_port: 80, host_port: 8080 }] })
  t.deepEqual(first.ips, ['10.88.1.2', 'fd88:1::2'])
  t.true(await lab.host.ping('10.88.1.2'))
  t.regex((await lab.host.exec(['/usr/sbin/nft', 'list', 'map', 'ip', 'weft-cni', 'hostports'])).stdout, /tcp \. 8080 .*: 10\.88\.1\.2 \. 80/)

  const many = await Promise.all(Array.from({ length: 30 }, (_, index) => containerd.run(`pod-${index}`)))
  t.is(new Set(many.map(pod => pod.ips[0])).size, 30)
  await lab.settled(31)
  for (const pod of many.slice(0, 5)) t.true(await lab.host.ping(pod.ips[0]!), pod.ips[0])

  await containerd.restart()
  t.true(await lab.host.ping(first.ips[0]!))
  await Promise.all(many.map(pod => containerd.remove(pod.id)))
  await lab.settled(1)

  await lab.stop('SIGKILL')
  await containerd.remove(first.id)
  t.true(await eventually(async () => lab.records().size === 1), 'the deletion waits for the agent')
  await lab.start()
  await lab.settled(0)
})

real('the plugin may be replaced while pods start and stop (69)', async t => {
  t.timeout(300_000)
  await using lab = await CniLab.open({ agent: false })
  await lab.start({ publish: true })
  await using containerd = await ContainerdLab.open(lab)
  await eventually(() => containerd.networkReady(), { timeoutMs: 20_000, intervalMs: 200 })
  const churn = async (worker: number): Promise<void> => {
    for (let round = 0; round < 3; round += 1) {
      // The shim waits for an agent for two seconds; one that takes longer to start is tried again, as a kubelet does.
      const pod = await eventually(async () => {
        try {
          return await containerd.run(`w${worker}-${round}`)
        } catch (error) {
          if (!(error as Error).message.includes('try again later')) t.fail((error as Error).message)
          return (error as Error).message
        }
      }, { timeoutMs: 60_000 })
      await containerd.remove(pod.id)
    }
  }
  const working = Promise.all([0, 1, 2].map(churn))
  copyFileSync(join(lab.folder, 'bin', 'weft-cni'), join(lab.folder, 'bin', '.next'))
  renameSync(join(lab.folder, 'bin', '.next'), join(lab.folder, 'bin', 'weft-cni'))
  await lab.stop('SIGTERM')
  await lab.start({ publish: true })
  await working
  await lab.settled(0)
  t.pass()
})
