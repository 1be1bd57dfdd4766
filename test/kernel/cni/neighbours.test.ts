// What the first packets after an ADD meet.

import test from 'ava'
import { CniLab, WEFT_CONFIG } from './cni-lab.ts'

const signal = new AbortController().signal
/** One echo request is sent: one that goes to a wrong MAC is never answered, however long a busy machine is given. */
const ONE_REQUEST = { timeoutMs: 4000 }

test.serial('a reused address with another MAC is reached at once by the host and by a neighbour that remembers the former owner, over both families (29)', async t => {
  await using lab = await CniLab.open()
  const [neighbour, former, next] = [await lab.addPod(), await lab.addPod(), await lab.addPod()]
  const asking = (id: string): { id: string; config: Record<string, unknown> } => ({ id, config: { ...WEFT_CONFIG, runtimeConfig: { ips: ['10.88.1.77', 'fd88:1::77'] } } })
  await lab.add({ id: 'neighbour', netns: neighbour.netns })
  for (const round of [1, 2, 3]) {
    await lab.add({ ...asking('former'), netns: former.netns })
    for (const from of [neighbour, lab.host]) for (const address of ['10.88.1.77', 'fd88:1::77']) t.true(await from.ping(address, ONE_REQUEST))
    await lab.del({ id: 'former', netns: former.netns })
    await lab.settled(1)
    await lab.add({ ...asking('next'), netns: next.netns })
    for (const from of [lab.host, neighbour]) for (const address of ['10.88.1.77', 'fd88:1::77']) t.true(await from.ping(address, ONE_REQUEST), `round ${round}: ${from.name} to ${address}`)
    await lab.del({ id: 'next', netns: next.netns })
    await lab.settled(1)
  }
})

test.serial('the bridge keeps its MAC while ports come and go (27)', async t => {
  await using lab = await CniLab.open()
  const macs = new Set<string | undefined>()
  for (let round = 0; round < 4; round += 1) {
    const pod = await lab.addPod()
    await lab.add({ id: `p${round}`, netns: pod.netns })
    macs.add((await lab.host.rtnl.links.get('cni0', { signal }))?.mac)
    if (round % 2 === 1) await lab.del({ id: `p${round - 1}`, netns: '' })
    macs.add((await lab.host.rtnl.links.get('cni0', { signal }))?.mac)
  }
  t.is(macs.size, 1)
})

test.serial('the result tells the MACs and names that are in the kernel (33)', async t => {
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const { interfaces } = await lab.add({ id: 'a', netns: pod.netns })
  t.is((await lab.host.rtnl.links.get('cni0', { signal }))?.mac, interfaces[0].mac)
  t.is((await lab.host.rtnl.links.get(interfaces[1].name, { signal }))?.mac, interfaces[1].mac)
  t.is((await pod.rtnl.links.get('eth0', { signal }))?.mac, interfaces[2].mac)
})

test.serial('no write for a pod reaches the host\'s own settings, and no foreign namespace stays open (61)', async t => {
  await using lab = await CniLab.open()
  const names = ['net/ipv4/conf/all/arp_notify', 'net/ipv4/conf/default/arp_notify', 'net/ipv6/conf/default/accept_dad', 'net/ipv6/conf/lo/disable_ipv6', 'net/ipv6/conf/default/keep_addr_on_down']
  const read = async (): Promise<string> => (await lab.host.exec(['cat', ...names.map(name => `/proc/sys/${name}`)])).stdout
  const before = await read()
  const identity = lab.host.identity.inode
  for (let round = 0; round < 10; round += 1) {
    const pod = await lab.addPod()
    await lab.add({ id: `p${round}`, netns: pod.netns })
  }
  t.is(await read(), before)
  t.is((await lab.host.exec(['readlink', `/proc/${lab.agent!.pid}/ns/net`])).stdout.trim(), `net:[${identity}]`)
  await lab.settled(10)
})
