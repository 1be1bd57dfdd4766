// A second real runtime: podman with CNI. Needs the peers "podman-4.3", "runc-1.1" and "busybox-1.35" (docs/peers.md).

import test from 'ava'
import { CniLab } from '../../kernel/cni/cni-lab.ts'
import { eventually } from '../../lab/eventually.ts'
import { missingPeer } from '../../peers/cache.ts'
import { missingForPodman, PodmanLab } from './podman-lab.ts'

const real = missingForPodman === undefined ? test.serial : test.skip
if (missingForPodman !== undefined) test('podman is at hand', t => t.pass(missingPeer(missingForPodman!)))

const HTTPD = ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'] as const

real('podman: published ports, given addresses and MACs, restarts under the same id, and nothing left in the end', async t => {
  t.timeout(170_000)
  await using lab = await CniLab.open({ agent: false })
  await lab.start({ publish: true })
  await using podman = PodmanLab.open(lab)

  await podman.start('web', ['-p', '8080:80', '-p', '5353:53/udp'], ...HTTPD)
  const inspect = async (name: string): Promise<any> => (JSON.parse(await podman.run('inspect', name)) as any[])[0].NetworkSettings.Networks.weft
  t.is((await inspect('web')).IPAddress, '10.88.1.2')
  t.is((await inspect('web')).GlobalIPv6Address, 'fd88:1::2')
  const get = async (address: string, port: number): Promise<string> => (await lab.host.get(address, port, '/index.html')).body.trim()
  t.is(await eventually(async () => ((await get('127.0.0.1', 8080)) === 'served by busybox' ? 1 : false)), 1)
  t.is(await get('10.88.1.2', 80), 'served by busybox')

  await podman.start('fixed', ['--ip', '10.88.1.77', '--mac-address', '02:00:00:00:00:77'], '/bin/sleep', '1000')
  t.like(await inspect('fixed'), { IPAddress: '10.88.1.77', MacAddress: '02:00:00:00:00:77' })
  t.is(await podman.run('exec', 'fixed', '/bin/wget', '-qO-', 'http://10.88.1.2/index.html'), 'served by busybox')
  await t.throwsAsync(podman.start('taken', ['--ip', '10.88.1.77'], '/bin/sleep', '1000'), { message: /10\.88\.1\.77/ })
  await podman.run('rm', '--force', 'taken').catch(() => undefined)
  await lab.settled(2)

  await podman.run('restart', '--time', '0', 'web')
  await eventually(async () => ((await get('127.0.0.1', 8080)) === 'served by busybox' ? true : false))
  await lab.settled(2)

  const many = ['a', 'b', 'c', 'd', 'e', 'f']
  await Promise.all(many.map(name => podman.start(name, [], '/bin/sleep', '1000')))
  const addresses = await Promise.all(many.map(async name => (await inspect(name)).IPAddress as string))
  t.is(new Set(addresses).size, many.length)
  for (const address of addresses) t.true(await lab.host.ping(address), address)

  await lab.stop('SIGKILL')
  await podman.run('rm', '--force', '--time', '0', 'fixed')
  t.true([...lab.records().keys()].length > 0, 'the deletion waits for the agent')
  await lab.start({ publish: true })
  await podman.run('rm', '--all', '--force', '--time', '0')
  await lab.settled(0)
})
