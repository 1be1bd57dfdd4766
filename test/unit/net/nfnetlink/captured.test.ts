// What we write and read beside what the real nft sends: its datagrams, recorded by strace, are the fixtures.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { addressToBytes, parseAddress } from '../../../../src/net/ip/address.ts'
import { Attributes } from '../../../../src/net/netlink/attributes.ts'
import { messagesIn, type Message } from '../../../../src/net/netlink/message.ts'
import { changeMessages } from '../../../../src/net/nfnetlink/change-messages.ts'
import { goto, jump } from '../../../../src/net/nfnetlink/data.ts'
import type { Change } from '../../../../src/net/nfnetlink/objects.ts'
import { readChain, readElements, readRule, readSet, readTable } from '../../../../src/net/nfnetlink/read-objects.ts'
import { register } from '../../../../src/net/nfnetlink/registers.ts'
import { scanElements } from '../../../../src/net/nfnetlink/scan-elements.ts'

const { messages } = JSON.parse(readFileSync(new URL('../../../fixtures/nfnetlink/nft.json', import.meta.url), 'utf8')) as {
  messages: readonly { name: string; command: string; datagram: string }[]
}

/** The one message of a recorded batch; its frame left out. */
function captured(name: string): Message {
  const [begin, message, end] = messagesIn(Buffer.from(messages.find(each => each.name === name)!.datagram, 'hex'))
  if (begin?.type !== 0x10 || end?.type !== 0x11 || message === undefined) throw new Error(`${name} is not one message in a batch`)
  return message
}

const weft = { family: 'ip', table: 'weft' } as const
const ip = (text: string): Uint8Array => addressToBytes(parseAddress(text, 'test'))
const key = (index: number): Uint8Array => Uint8Array.of(...ip('10.96.0.10'), 6, 0, 0, 0, 0, 80, 0, 0, index, 0, 0, 0)
const value = (last: number): Uint8Array => Uint8Array.of(...ip(`10.244.1.${last}`), 0x1f, 0x90, 0, 0)
const word = (number: number): Uint8Array => new Uint8Array(Uint32Array.of(number).buffer)
const [r0] = [register(0)]

/** Every recorded command as a change of ours. */
const CHANGES: Readonly<Record<string, Change>> = {
  table: { kind: 'add-table', table: { ...weft, comment: 'ours' } },
  set: { kind: 'add-set', set: { ...weft, set: 'endpoints', keyTypes: ['ipv4_addr', 'inet_proto', 'inet_service', 'mark'], data: ['ipv4_addr', 'inet_service'], comment: 'address to endpoint' } },
  elements: { kind: 'add-elements', in: { ...weft, set: 'endpoints' }, elements: [{ key: key(0), data: value(2) }, { key: key(1), data: value(3) }] },
  'delete-elements': { kind: 'delete-elements', in: { ...weft, set: 'endpoints' }, elements: [{ key: key(1) }] },
  chain: { kind: 'add-chain', chain: { ...weft, chain: 'internal-2' } },
  verdicts: { kind: 'add-set', set: { ...weft, set: 'classes', keyTypes: ['mark'], data: 'verdict' } },
  'verdict-element': { kind: 'add-elements', in: { ...weft, set: 'classes' }, elements: [{ key: word(0x7765_6601), data: goto('internal-2') }] },
  'base-chain': { kind: 'add-chain', chain: { ...weft, chain: 'nat-prerouting', base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' } } },
  rule: {
    kind: 'add-rule',
    rule: {
      ...weft, chain: 'nat-prerouting', comment: 'from outside',
      expressions: [
        { kind: 'payload', dreg: r0, base: 'network', offset: 12, length: 2 },
        { kind: 'cmp', sreg: r0, op: 'neq', data: Uint8Array.of(10, 244) },
        { kind: 'ct', dreg: r0, key: 'state' },
        { kind: 'bitwise', sreg: r0, dreg: r0, length: 4, mask: word(8), xor: word(0) },
        { kind: 'cmp', sreg: r0, op: 'neq', data: word(0) },
        { kind: 'meta', dreg: r0, key: 'mark' },
        { kind: 'bitwise', sreg: r0, dreg: r0, length: 4, mask: word(0xffff_bfff), xor: word(0x4000) },
        { kind: 'meta-set', sreg: r0, key: 'mark' },
        { kind: 'verdict', verdict: jump('internal-2') },
      ],
    },
  },
  jump: { kind: 'add-rule', rule: { ...weft, chain: 'nat-prerouting', expressions: [{ kind: 'verdict', verdict: jump('internal-2') }] } },
  intervals: { kind: 'add-set', set: { ...weft, set: 'service-cidrs', keyTypes: ['ipv4_addr'], interval: true } },
  dynamic: { kind: 'add-set', set: { ...weft, set: 'affinity', keyTypes: ['ipv4_addr', 'mark'], data: ['mark'], timeout: true, dynamic: true, size: 1 << 20 } },
  'delete-table': { kind: 'delete-table', table: weft },
}

/**
 * Attributes by type, nests within, in no order. Left out is what makes no difference to the kernel: ids that only count within a
 * batch (set 10, list 4), user data of sets (13: nft notes byte orders there), the table's flags (all zero), the
 * description of a concatenation (9.2, and flag 0x80) that nft leaves away unless parts are ranges, the operation of a bitwise
 * expression when it is the first one (6), numbers of list entries, and the two numbers of one register (1 and 8 are both its first).
 */
function tree(bytes: Buffer, path: string): unknown {
  return Attributes.parse(bytes).list
    .filter(({ type }) => !IGNORED.has(`${path}.${type}`))
    .map(({ type, nested, payload }) => [ELEMENT_LISTS.has(path) ? 1 : type, nested ? tree(payload, `${path}.${type}`) : normal(`${path}.${type}`, payload)] as const)
    .filter(([, content]) => !Array.isArray(content) || content.length > 0)
    .sort((a, b) => a[0] - b[0])
}
const IGNORED: ReadonlySet<string> = new Set(['2560.2', '2569.10', '2569.13', '2569.9.2', '2572.4', '2574.4', '2566.4.1.2.6'])
const ELEMENT_LISTS: ReadonlySet<string> = new Set(['2572.3', '2574.3'])
const SET_FLAGS = '2569.3'

function normal(path: string, payload: Buffer): string {
  if (path === SET_FLAGS) return (payload.readUInt32BE() & ~0x80).toString(16)
  const hex = payload.toString('hex')
  return path.startsWith('2566.4.') && hex === '00000008' ? '00000001' : hex
}

for (const [name, change] of Object.entries(CHANGES)) {
  const { command } = messages.find(each => each.name === name)!
  test(`what we write is what nft sends for "${command}"`, t => {
    const theirs = captured(name)
    const [writer, ...more] = changeMessages(change)
    const [ours] = messagesIn(writer!.finish(1, writer!.head.flags))
    t.is(more.length, 0)
    t.is(ours!.type, theirs.type)
    t.deepEqual(ours!.payload.subarray(0, 4), theirs.payload.subarray(0, 4))
    t.deepEqual(tree(ours!.payload.subarray(4), String(ours!.type)), tree(theirs.payload.subarray(4), String(theirs.type)))
  })
}

test('what nft sends is read as what it means', t => {
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each !== null && typeof each === 'object' && (each as { type?: string }).type === 'Buffer' ? Buffer.from((each as { data: number[] }).data).toString('hex') : each)))
  const expected = (name: string): unknown => {
    const change = CHANGES[name]!
    return 'table' in change ? change.table : 'set' in change ? change.set : 'chain' in change ? change.chain : 'rule' in change ? change.rule : undefined
  }
  t.deepEqual(readTable(captured('table'), 'ip'), expected('table') as never)
  for (const name of ['set', 'verdicts', 'intervals', 'dynamic']) t.deepEqual(readSet(captured(name), 'ip'), expected(name) as never)
  for (const name of ['chain', 'base-chain']) t.deepEqual(plain(readChain(captured(name), 'ip')), plain(expected(name)))
  for (const name of ['rule', 'jump']) t.deepEqual(plain(readRule(captured(name), 'ip')), plain(expected(name)))
  const elements = CHANGES['elements'] as Extract<Change, { kind: 'add-elements' }>
  t.deepEqual(readElements(captured('elements')).map(each => [...each.key, ...(each.data as Uint8Array)]), elements.elements.map(each => [...each.key, ...(each.data as Uint8Array)]))
})

test('both readers of elements say the same: values, verdicts and ends of intervals', t => {
  for (const name of ['elements', 'verdict-element', 'interval-elements', 'delete-elements']) {
    const scanned: unknown[] = []
    scanElements(captured(name), ({ key: text, data, intervalEnd }) => scanned.push([text, data ?? null, intervalEnd]))
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
    t.deepEqual(scanned, readElements(captured(name)).map(each => [text(each.key), each.data instanceof Uint8Array ? text(each.data) : (each.data ?? null), each.intervalEnd === true]))
    t.true(scanned.length > 0)
  }
})

test('an element cut short is an error that says so, in either reader', t => {
  const message = captured('elements')
  const broken = Buffer.from(message.payload)
  // The length of the first element's attribute: behind the family header, table, set and the list's own header.
  const at = broken.indexOf(Buffer.from([6, 0, 0, 0, 0, 80])) - 16
  broken.writeUInt16LE(0xfff0, at)
  t.throws(() => scanElements({ ...message, payload: broken }, () => {}), { code: 'NETLINK_MALFORMED' })
  t.throws(() => readElements({ ...message, payload: broken }), { code: 'NETLINK_MALFORMED' })
})
