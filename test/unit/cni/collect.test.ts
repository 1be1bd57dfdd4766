// Attachments whose link is gone wait for the runtime's DEL before they are collected.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { CniHost } from '../../../cni/plugin/host/cni-host.ts'
import { COLLECT_GRACE_MS, Collector } from '../../../cni/plugin/maintain/collect.ts'
import { AttachmentStore } from '../../../cni/plugin/store/attachment-store.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { silentLog } from '../../../src/ops/log.ts'
import type { Link } from '../../../src/net/rtnetlink/link.ts'

test('an attachment without a link is collected after the grace, not before, and not when its link is back', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-collect-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const store = AttachmentStore.open({ folder, bootId: 'boot', log: silentLog() })
  const address = parseAddress('10.0.0.2', 'a')
  await store.put({
    role: 'interface', madeAs: 'weft', network: 'n', containerId: 'c', ifname: 'eth0', state: 'active', startedNs: 1n, netnsInode: 1n,
    link: { host: 'veth1', bridge: 'cni0', hairpin: true, isolated: false, gateway: true, promiscuous: false, vlans: undefined, onlyMac: undefined },
    addresses: [{ set: 0, address, prefixLength: 24, gateway: undefined }], storage: { kind: 'own', pool: 'n' }, masquerade: false, ports: [], ifb: undefined,
  })
  let nowMs = 1000
  let collected = 0
  const host = {
    store, log: silentLog(), reached: () => {}, clock: { monotonicMs: () => nowMs, now: () => nowMs, sleep: async () => {} },
    reaper: { condemn: async () => 'absent', reap: async () => {} }, network: { rtnl: { links: { get: async () => undefined } } },
  } as unknown as CniHost
  const collector = new Collector(host, () => (collected += 1))
  const present = [{ name: 'veth1' } as Link]
  await collector.pass([])
  nowMs += COLLECT_GRACE_MS - 1
  await collector.pass([])
  await collector.pass(present)
  nowMs += COLLECT_GRACE_MS
  await collector.pass([])
  t.is(collected, 0)
  t.true(store.pool('n').isTaken(address))
  nowMs += COLLECT_GRACE_MS
  await collector.pass([])
  t.is(collected, 1)
  t.is(store.list().length, 0)
  t.false(store.pool('n').isTaken(address))
})
