// A host with rules of others: docker's chains and its closed FORWARD, firewalld's table, a user's own rules. They stay as
// they are, whatever the proxy does, and the proxy survives what they do to it.

import test from 'ava'
import { eventually } from '../../lab/eventually.ts'
import { answering, IP, openProxyWorld, service, slice } from './proxy-world.ts'

/** As dockerd writes them (29.0), and a user's accounting and rate limit. */
const DOCKER_AND_USER = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
:MY-ACCOUNTING - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A DOCKER-USER -j RETURN
-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m limit --limit 10/min -j MY-ACCOUNTING
-A MY-ACCOUNTING -m comment --comment "my own" -j ACCEPT
COMMIT
`
/** What firewalld with its nftables backend keeps beside iptables. */
const FIREWALLD = `table inet firewalld {
  chain nat_PREROUTING { type nat hook prerouting priority dstnat + 10; policy accept; }
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state established,related accept; ct status dnat accept; iifname "lo" accept; }
}
`

/** Rules as text, without ours. */
const foreign = (saved: string): readonly string[] => saved.split('\n').filter(line => /^(?:-A|:)/.test(line) && !/KUBE-/.test(line)).map(line => line.replace(/ \[\d+:\d+\]$/, ''))

for (const variant of ['nft', 'legacy'] as const) {
  test.serial(`[iptables-${variant}] rules of docker, firewalld and a user stay, and their reloads are survived`, async t => {
    t.timeout(120_000)
    await using world = await openProxyWorld([], { variant })
    const { lab, pods, proxy, apply } = world
    const [one, two] = lab.hosts
    const [, b, c] = pods
    const tool = `iptables-${variant}`
    const saved = async (): Promise<string> => (await one!.exec([`${tool}-save`])).stdout
    const table = async (): Promise<string> => (await one!.exec(['nft', 'list', 'table', 'inet', 'firewalld'])).stdout
    await proxy.stop()
    await proxy.once('--cleanup')
    await one!.exec([`${tool}-restore`, '--noflush'], { input: DOCKER_AND_USER })
    await one!.exec(['nft', '-f', '-'], { input: FIREWALLD })
    const [before, tableBefore] = [foreign(await saved()), await table()]
    proxy.start()
    await proxy.ready()
    await apply(service('web', IP, { type: 'NodePort', ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }] }), slice('web', [b!, c!]))
    // From outside and through docker's closed FORWARD chain.
    const reached = async (): Promise<void> => void (await eventually(async () => (await answering(() => two!.tcp(one!.address, 30_080, { timeoutMs: 400 }), 20)).join() === 'b,c' || 'not both', { timeoutMs: 10_000 }))
    await reached()
    t.deepEqual(foreign(await saved()), before)
    // docker starts again: it puts its jump in front of ours.
    await one!.exec(['sh', '-ec', `${tool} -D FORWARD -j DOCKER-USER; ${tool} -I FORWARD -j DOCKER-USER; ${tool} -F DOCKER-USER; ${tool} -A DOCKER-USER -j RETURN`])
    await reached()
    // A firewall script loads its rules anew: everything goes, theirs come back.
    await one!.exec(['sh', '-ec', `for t in nat filter; do ${tool} -t $t -F; ${tool} -t $t -X; done; ${tool}-restore --noflush`], { input: DOCKER_AND_USER })
    const start = performance.now()
    await eventually(async () => (await two!.tcp(one!.address, 30_080, { timeoutMs: 200 })).server !== '', { timeoutMs: 5_000 })
    t.true(performance.now() - start < 1_500, `${Math.round(performance.now() - start)} ms`)
    await reached()
    t.deepEqual([...foreign(await saved())].sort(), [...before].sort())
    t.is(await table(), tableBefore)
    await proxy.stop()
    t.is(await proxy.once('--cleanup'), 0)
    t.deepEqual([...foreign(await saved())].sort(), [...before].sort())
    t.is(await table(), tableBefore)
  })
}
