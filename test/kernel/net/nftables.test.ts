// nf_tables over netlink in a namespace of its own: what we write the nft program reads, and the other way round.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { systemPath } from '../../lab/processes.ts'
import { createNetns, removeNetns } from '../../../src/net/netns/named-netns.ts'
import { goto } from '../../../src/net/nfnetlink/data.ts'
import type { Change, Element } from '../../../src/net/nfnetlink/objects.ts'
import { Nftables, NftablesError, watchNftables, type NftablesEvent } from '../../../src/net/nfnetlink/nftables.ts'
import { register } from '../../../src/net/nfnetlink/registers.ts'

const T = { family: 'ip', table: 'weft-test' } as const
const { signal } = new AbortController()

/** A namespace, an nf_tables socket in it, and the nft program run in it. */
function open(t: ExecutionContext): { nft: Nftables; netns: string; run: (...args: string[]) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'weft-nft-'))
  const netns = join(folder, 'ns')
  createNetns(netns)
  const nft = Nftables.open({ netns })
  t.teardown(() => {
    nft.close()
    removeNetns(netns)
    rmSync(folder, { recursive: true })
  })
  return { nft, netns, run: (...args) => execFileSync('nsenter', [`--net=${netns}`, 'nft', ...args], { encoding: 'utf8', env: { ...process.env, PATH: systemPath(process.env['PATH']) } }) }
}

const keyOf = (address: readonly number[], protocol: number, port: number): Uint8Array =>
  Uint8Array.from([...address, protocol, 0, 0, 0, port >> 8, port & 255, 0, 0])

const services: Change = { kind: 'add-set', set: { ...T, set: 'services', keyTypes: ['ipv4_addr', 'inet_proto', 'inet_service'], data: 'verdict', comment: 'cluster IPs' } }
const skeleton: readonly Change[] = [
  { kind: 'add-table', table: { ...T, comment: 'a test' } },
  { kind: 'add-chain', chain: { ...T, chain: 'pre', base: { type: 'nat', hook: 'prerouting', priority: -100 }, comment: 'first' } },
  { kind: 'add-chain', chain: { ...T, chain: 'class-1' } },
  services,
  {
    kind: 'add-rule',
    rule: {
      ...T,
      chain: 'pre',
      comment: 'to the services',
      expressions: [
        { kind: 'payload', dreg: register(0), base: 'network', offset: 16, length: 4 },
        { kind: 'meta', dreg: register(1), key: 'l4proto' },
        { kind: 'payload', dreg: register(2), base: 'transport', offset: 2, length: 2 },
        { kind: 'lookup', set: 'services', sreg: register(0), dreg: 'verdict' },
      ],
    },
  },
]

test('nft reads our table with its types, comments and rules', async t => {
  const { nft, run } = open(t)
  await nft.commit([...skeleton, { kind: 'add-elements', in: { ...T, set: 'services' }, elements: [{ key: keyOf([10, 96, 0, 1], 6, 443), data: goto('class-1'), comment: 'default/kubernetes' }] }], { signal })
  const listing = run('list', 'table', 'ip', 'weft-test')
  for (const line of [
    'comment "a test"',
    'type ipv4_addr . inet_proto . inet_service : verdict',
    '10.96.0.1 . tcp . 443 comment "default/kubernetes" : goto class-1',
    'type nat hook prerouting priority dstnat; policy accept;',
    'ip daddr . meta l4proto . th dport vmap @services comment "to the services"',
  ]) {
    t.true(listing.includes(line), `${line}\n is not in\n${listing}`)
  }
})

test('what we wrote is what we read, and what nft wrote we read too', async t => {
  const { nft, run } = open(t)
  const elements: readonly Element[] = [{ key: Buffer.from(keyOf([10, 96, 0, 1], 6, 443)), data: goto('class-1'), comment: 'default/kubernetes' }]
  await nft.commit([...skeleton, { kind: 'add-elements', in: { ...T, set: 'services' }, elements }], { signal })
  t.like((await nft.tables({ signal })).find(table => table.table === 'weft-test'), { comment: 'a test' })
  t.deepEqual((await nft.chains(T, { signal })).map(({ chain, base }) => [chain, base?.hook, base?.priority]), [['pre', 'prerouting', -100], ['class-1', undefined, undefined]])
  const [rule] = await nft.rules(T, { signal })
  t.deepEqual(rule?.expressions, (skeleton[4] as Extract<Change, { kind: 'add-rule' }>).rule.expressions)
  const [set] = await nft.sets(T, { signal })
  t.like(set, { set: 'services', keyTypes: ['ipv4_addr', 'inet_proto', 'inet_service'], data: 'verdict', comment: 'cluster IPs' })
  t.deepEqual(await nft.elements({ ...T, set: 'services' }, { signal }), elements)

  run('add rule ip weft-test class-1 meta mark set mark or 0x4000 ct state new tcp dport 80 dnat to 10.0.0.1:80')
  run('add rule ip weft-test class-1 ip saddr 10.0.0.0/9 limit rate 1/second counter reject with tcp reset')
  const kinds = (await nft.rules(T, { signal })).filter(r => r.chain === 'class-1').map(r => r.expressions.map(e => (e.kind === 'unknown' ? `?${e.name}` : e.kind)))
  t.deepEqual(kinds, [
    ['meta', 'bitwise', 'meta-set', 'ct', 'bitwise', 'cmp', 'meta', 'cmp', 'payload', 'cmp', 'immediate', 'immediate', 'nat'],
    ['meta', 'cmp', 'payload', 'bitwise', 'cmp', '?limit', 'counter', 'reject'],
  ])
})

test('a batch with one bad change leaves nothing behind and names that change', async t => {
  const { nft } = open(t)
  const bad: Change = { kind: 'delete-elements', in: { ...T, set: 'services' }, elements: [{ key: keyOf([10, 0, 0, 9], 6, 1) }] }
  const error = await t.throwsAsync(nft.commit([...skeleton, bad, { kind: 'delete-chain', chain: { ...T, chain: 'class-1' } }], { signal }), { instanceOf: NftablesError })
  t.is(error.errnoName, 'ENOENT')
  t.is(error.change, bad)
  t.regex(error.message, /delete-elements ip weft-test services/)
  t.deepEqual(await nft.tables({ signal }), [])
})

test('a batch that states its generation is refused once somebody else has committed', async t => {
  const { nft, run } = open(t)
  const generation = await nft.generation({ signal })
  run('add', 'table', 'ip', 'other')
  const error = await t.throwsAsync(nft.commit(skeleton, { signal, generation }), { instanceOf: NftablesError })
  t.is(error.errnoName, 'ERESTART')
  t.true(error.retryable)
  await nft.commit(skeleton, { signal, generation: await nft.generation({ signal }) })
  t.is((await nft.tables({ signal })).length, 2)
})

test('ten thousand elements go in and out as one batch each, and come back whole', async t => {
  const { nft } = open(t)
  await nft.commit(skeleton, { signal })
  const elements = Array.from({ length: 10_000 }, (_, i) => ({ key: Buffer.from(keyOf([10, 96, i >> 8, i & 255], 6, 80)), data: goto('class-1') }))
  await nft.commit([{ kind: 'add-elements', in: { ...T, set: 'services' }, elements }], { signal })
  const read = await nft.elements({ ...T, set: 'services' }, { signal })
  const hex = (list: readonly Element[]): readonly string[] => list.map(e => Buffer.from(e.key).toString('hex')).sort()
  t.deepEqual(hex(read), hex(elements))
  await nft.commit([{ kind: 'delete-elements', in: { ...T, set: 'services' }, elements: elements.map(({ key }) => ({ key })) }], { signal })
  t.deepEqual(await nft.elements({ ...T, set: 'services' }, { signal }), [])
})

test('a batch larger than the send buffer is refused before anything is applied', async t => {
  const { nft } = open(t)
  await nft.commit(skeleton, { signal })
  const elements = Array.from({ length: 200_000 }, (_, i) => ({ key: Uint8Array.from([10, i >> 16, (i >> 8) & 255, i & 255, 6, 0, 0, 0, 0, 80, 0, 0]), data: goto('class-1') }))
  await t.throwsAsync(nft.commit([{ kind: 'add-elements', in: { ...T, set: 'services' }, elements }], { signal }), { message: /EMSGSIZE/ })
  t.deepEqual(await nft.elements({ ...T, set: 'services' }, { signal }), [])
})

test('commits of others are seen with the committer, and tables by name', async t => {
  const { netns, run } = open(t)
  const events: NftablesEvent[] = []
  const seen = Promise.withResolvers<void>()
  const watch = watchNftables(event => {
    events.push(event)
    if (event.kind === 'generation') seen.resolve()
  }, { netns })
  t.teardown(() => watch.close())
  run('add', 'table', 'ip', 'foreign')
  await seen.promise
  t.like(events[0], { kind: 'object', family: 'ip', table: 'foreign' })
  t.like(events.at(-1), { kind: 'generation', program: 'nft' })
})
