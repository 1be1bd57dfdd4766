// Records, names, the journal, the order of requests, and the packet filter's content that follows from records.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { attachmentFromJson, attachmentToJson } from '../../../cni/plugin/attachment/attachment-codec.ts'
import type { Attachment } from '../../../cni/plugin/attachment/attachment.ts'
import { formatAlias, hostLinkName, ifbName, parseAlias } from '../../../cni/plugin/attachment/names.ts'
import { formatConfigurationList } from '../../../cni/plugin/install/configuration-list.ts'
import { isEmpty, planElementChanges, planElements } from '../../../cni/plugin/rules/plan-elements.ts'
import { readConditions } from '../../../cni/plugin/config/conditions.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { AttachmentStore } from '../../../cni/plugin/store/attachment-store.ts'
import { Journal, readJournal } from '../../../cni/plugin/store/journal.ts'
import { Scheduler, type Lane } from '../../../cni/plugin/verbs/scheduler.ts'
import { parseAddress } from '../../../src/net/ip/address.ts'
import type { Port } from '../../../src/net/ip/port.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { planBridgeAddresses } from '../../../cni/plugin/link/plan-bridge-addresses.ts'
import { parseInterfaceAddress } from '../../../src/net/ip/prefix.ts'

const attachment = (id: string, more: Partial<Attachment> = {}): Attachment => ({
  role: 'interface', madeAs: 'weft', network: 'net', containerId: id, ifname: 'eth0', state: 'active', startedNs: 1n, netnsInode: 7n,
  link: { host: hostLinkName({ containerId: id, ifname: 'eth0' }), bridge: 'cni0', hairpin: true, isolated: false, gateway: true, promiscuous: false, vlans: undefined, onlyMac: undefined },
  addresses: [{ set: 0, address: parseAddress('10.0.0.2', 'a'), prefixLength: 24, gateway: parseAddress('10.0.0.1', 'a') }],
  storage: { kind: 'own', pool: 'net' }, masquerade: false, ports: [], ifb: undefined, ...more,
})
const claim = (hostPort: number, target: string, hostIp?: string): Attachment['ports'][number] => ({
  protocol: 'TCP', hostPort: hostPort as Port, containerPort: 80 as Port, hostIp: hostIp === undefined ? undefined : parseAddress(hostIp, 'a'), target: parseAddress(target, 'a'), snat: true, masqueradeAll: false, conditions: [],
})

function folder(t: { teardown: (done: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-store-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('names fit the kernel and tell attachments apart', t => {
  t.regex(hostLinkName({ containerId: 'x'.repeat(300), ifname: 'eth0' }), /^veth[0-9a-f]{11}$/)
  t.not(hostLinkName({ containerId: 'a', ifname: 'eth0' }), hostLinkName({ containerId: 'a', ifname: 'eth1' }))
  t.regex(ifbName({ containerId: 'a', ifname: 'eth0' }, 'n'), /^bwp[0-9a-f]{12}$/)
  t.not(ifbName({ containerId: 'a', ifname: 'eth0' }, 'n'), ifbName({ containerId: 'a', ifname: 'net1' }, 'n'))
})

test('an alias is read back, whatever the addresses; a long one only says that it is ours (56)', t => {
  const alias = { network: 'net', containerId: 'c-1', ifname: 'eth0', addresses: ['10.0.0.2', 'fd00::2'].map(text => parseAddress(text, 'a')) }
  t.deepEqual(parseAlias(formatAlias(alias)), alias)
  t.deepEqual(parseAlias(formatAlias({ ...alias, addresses: [] })), { ...alias, addresses: [] })
  const long = formatAlias({ ...alias, containerId: 'x'.repeat(250) })
  t.true(long.length <= 255)
  t.is(parseAlias(long), 'unreadable')
  t.is(parseAlias('weft:net:id:eth0:not-an-address'), 'unreadable')
  t.is(parseAlias('somebody else'), undefined)
  t.is(parseAlias(undefined), undefined)
})

test('a record survives its own format', t => {
  const full = attachment('a', { masquerade: true, ifb: 'bwp0', ports: [claim(80, '10.0.0.2'), { ...claim(81, 'fd00::2', '::'), conditions: readConditions(['!', '-d', 'fc00::/7', '-i', 'eth+'], { field: 'c', family: 6 }) }], storage: { kind: 'host-local', folder: '/x' } })
  const tagged = attachment('b', { link: { ...full.link!, onlyMac: parseMac('02:00:00:00:00:07', 'm'), promiscuous: true, vlans: { native: 7, trunk: [{ first: 9, last: 12 }], keepsDefault: true } } })
  t.deepEqual(attachmentFromJson(JSON.parse(JSON.stringify(attachmentToJson(tagged))) as object), tagged)
  t.deepEqual(attachmentFromJson(JSON.parse(JSON.stringify(attachmentToJson(full))) as object), full)
  t.throws(() => attachmentFromJson({ ...attachmentToJson(full), state: 'half' }), { message: /state/ })
})

test('the journal gives back what was acknowledged, without what was damaged, and nothing of another boot (40, 56)', async t => {
  const path = join(folder(t), 'j')
  const journal = Journal.open(path, 'boot-1', [{ n: 0 }])
  await Promise.all([1, 2, 3].map(n => journal.append([{ n }])))
  journal.close()
  const lines = readFileSync(path, 'utf8')
  const ns = (boot = 'boot-1'): unknown[] => readJournal(path, boot).entries.map(entry => (entry as { n: number }).n)
  t.deepEqual(ns(), [0, 1, 2, 3])
  t.deepEqual(ns('boot-2'), [])
  for (let cut = lines.length; cut > 20; cut -= 1) {
    writeFileSync(path, lines.slice(0, cut))
    t.deepEqual(ns(), [0, 1, 2, 3].slice(0, ns().length), `cut at ${cut}`)
  }
  writeFileSync(path, lines.replace('"n":1', '"n":9'))
  t.deepEqual(ns(), [0, 2, 3])
  t.is(readJournal(path, 'boot-1').damaged, 1)
  writeFileSync(path, lines.replace('journal 1', 'journal 2'))
  t.like(readJournal(path, 'boot-1'), { entries: [], damaged: 6 })
})

test('a store opened again holds the same attachments, pools and round-robin places', async t => {
  const place = folder(t)
  const open = (bootId = 'boot'): ReturnType<typeof AttachmentStore.open> => AttachmentStore.open({ folder: place, bootId, log: silentLog() })
  const held = (text: string): Attachment['addresses'] => [{ set: 0, address: parseAddress(text, 'a'), prefixLength: 24, gateway: undefined }]
  const store = open()
  await store.put(attachment('a', { state: 'reserved' }))
  await store.put(attachment('b', { addresses: held('10.0.0.3') }))
  await store.put(attachment('a'))
  await store.put(attachment('c', { addresses: held('10.0.0.4') }))
  await store.remove(attachment('c', { addresses: held('10.0.0.4') }))
  store.close()
  for (let round = 0; round < 2; round += 1) {
    const again = open()
    t.deepEqual(again.list().map(each => each.containerId).toSorted(), ['a', 'b'])
    t.true(again.pool('net').isTaken(parseAddress('10.0.0.2', 'a')))
    t.false(again.pool('net').isTaken(parseAddress('10.0.0.4', 'a')))
    t.deepEqual(again.pool('net').lastReserved(0), parseAddress('10.0.0.4', 'a'))
    again.close()
  }
  t.deepEqual(open('next').list(), [])
})

test('one request at a time per attachment, in order; others run beside it (6.8)', async t => {
  const scheduler = new Scheduler()
  const order: string[] = []
  const release = Promise.withResolvers<void>()
  const run = (key: string, name: string, wait?: Promise<void>): Promise<void> => scheduler.run({ key, lane: 'ADD' }, async () => {
    order.push(`${name}+`)
    await wait
    order.push(`${name}-`)
  })
  const all = [run('a', 'a1', release.promise), run('a', 'a2'), run('b', 'b1')]
  await all[2]
  t.deepEqual(order, ['a1+', 'b1+', 'b1-'])
  release.resolve()
  await Promise.all(all)
  t.deepEqual(order, ['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-'])
})

test('deletions are not starved by additions; garbage collection runs alone and is not overtaken (6.8, 59)', async t => {
  const scheduler = new Scheduler()
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const run = (key: string, lane: Lane): Promise<void> => scheduler.run({ key, lane }, async () => {
    order.push(key)
    await gate.promise
  })
  const running = Array.from({ length: 64 }, (_, index) => run(`add${index}`, 'ADD'))
  const later = [run('late1', 'ADD'), run('late2', 'ADD'), run('del', 'DEL')]
  const alone = scheduler.runAlone(async () => {
    t.is(scheduler.inFlight, 1)
    order.push('gc')
  })
  const behind = run('behind', 'ADD')
  gate.resolve()
  await Promise.all([...running, ...later, alone, behind])
  t.true(order.indexOf('del') < order.indexOf('late2'))
  t.deepEqual(order.slice(-2), ['gc', 'behind'])
})

test('of two claims of one port the newest stands; the older returns when it goes (42)', t => {
  const older = attachment('older', { startedNs: 1n, ports: [claim(80, '10.0.0.2')] })
  const newer = attachment('newer', { startedNs: 2n, ports: [claim(80, '10.0.0.3')] })
  const target = (list: readonly Attachment[]): string => [...planElements(list, 4).hostports.values()].map(element => Buffer.from(element.data as Uint8Array).toString('hex')).join()
  t.is(target([older, newer]), '0a00000300500000')
  t.is(target([newer, older]), '0a00000300500000')
  t.is(target([older, { ...newer, state: 'deleting' }]), '0a00000200500000')
})

test('applying a plan\'s changes gives the plan, whatever stood before', t => {
  const lists = fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c'), port: fc.constantFrom(80, 81), host: fc.constantFrom('10.0.0.2', '10.0.0.3', 'fd00::2'), masquerade: fc.boolean(), startedNs: fc.bigInt({ min: 0n, max: 9n }) }), { maxLength: 5 })
    .map(list => list.map(({ id, port, host, masquerade, startedNs }) => attachment(id, { startedNs, masquerade, ports: [claim(port, host)] })))
  fc.assert(fc.property(lists, lists, fc.constantFrom(4 as const, 6 as const), (before, after, family) => {
    const [from, to] = [planElements(before, family), planElements(after, family)]
    for (const { set, remove, add } of planElementChanges(from, to)) {
      const content = new Map(from[set])
      for (const element of remove) content.delete(Buffer.from(element.key).toString('hex'))
      for (const element of add) content.set(Buffer.from(element.key).toString('hex'), element)
      t.deepEqual([...content.keys()].toSorted(), [...to[set].keys()].toSorted())
    }
    t.true(planElementChanges(to, to).every(({ add, remove }) => add.length + remove.length === 0))
  }))
  t.true(isEmpty(planElements([attachment('a')], 4)))
})

test('bridge addresses: IPv4 conflicts with all others, IPv6 only where prefixes overlap (25, 26)', t => {
  const parse = (...texts: readonly string[]): ReturnType<typeof parseInterfaceAddress>[] => texts.map(text => parseInterfaceAddress(text, 'a'))
  const plan = (present: readonly string[], wanted: readonly string[], mayReplace = false): { add: number; remove: number } => {
    const { add, remove } = planBridgeAddresses({ bridge: 'cni0', present: parse(...present), wanted: parse(...wanted), mayReplace: () => mayReplace })
    return { add: add.length, remove: remove.length }
  }
  t.deepEqual(plan([], ['10.0.0.1/24', 'fd00::1/64']), { add: 2, remove: 0 })
  t.deepEqual(plan(['10.0.0.1/24', 'fe80::1/64'], ['10.0.0.1/24']), { add: 0, remove: 0 })
  t.deepEqual(plan(['fd00:1::1/64'], ['fd00::1/64']), { add: 1, remove: 0 })
  t.throws(() => plan(['10.9.0.1/24'], ['10.0.0.1/24']), { message: /cni0 has the address 10\.9\.0\.1\/24, which conflicts with 10\.0\.0\.1\/24/ })
  t.throws(() => plan(['fd00::2/64'], ['fd00::1/64']), { message: /fd00::2\/64/ })
  t.deepEqual(plan(['10.9.0.1/24', 'fd00::2/64'], ['10.0.0.1/24', 'fd00::1/64'], true), { add: 2, remove: 2 })
})

test('the configuration list names one plugin and every version from 0.4.0 on', t => {
  const list = JSON.parse(formatConfigurationList('net')) as Record<string, any>
  t.like(list, { cniVersion: '1.0.0', name: 'net' })
  t.deepEqual(list['cniVersions'], ['0.4.0', '1.0.0', '1.1.0'])
  t.deepEqual(list['plugins'].map((plugin: any) => plugin.type), ['weft-cni'])
})
