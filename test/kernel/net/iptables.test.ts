// src/net/iptables against the kernel, with both variants, in namespaces of their own.

import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import test, { type ExecutionContext } from 'ava'
import { Iptables } from '../../../src/net/iptables/iptables.ts'
import { IptablesError, IptablesMissingError } from '../../../src/net/iptables/iptables-error.ts'

const signal = new AbortController().signal
const call = { signal }

function namespaceFor(t: ExecutionContext): { path: string; lockFile: string } {
  const name = `weft-t-${randomUUID().slice(0, 8)}`
  const folder = mkdtempSync(join(tmpdir(), 'weft-iptables-'))
  execFileSync('ip', ['netns', 'add', name])
  t.teardown(() => {
    execFileSync('ip', ['netns', 'del', name])
    rmSync(folder, { recursive: true })
  })
  return { path: `/run/netns/${name}`, lockFile: join(folder, 'lock') }
}

for (const variant of ['nft', 'legacy'] as const) {
  for (const family of [4, 6] as const) {
    const host = family === 4 ? '192.0.2.1/32' : '2001:db8::1/128'
    const open = (t: ExecutionContext): Promise<Iptables> => {
      const { path, lockFile } = namespaceFor(t)
      return Iptables.open({ family, variant, netns: path, lockFile, signal })
    }

    test(`[${variant} IPv${family}] chains and rules are made once, found again and removed`, async t => {
      const iptables = await open(t)
      t.is(iptables.variant, variant)
      const rule = `-d ${host} -m comment --comment "weft test" -j WEFT-TEST`
      t.false(await iptables.hasChain('nat', 'WEFT-TEST', call))
      t.true(await iptables.ensureChain('nat', 'WEFT-TEST', call))
      t.false(await iptables.ensureChain('nat', 'WEFT-TEST', call))
      t.true(await iptables.hasChain('nat', 'WEFT-TEST', call))
      t.true(await iptables.ensureRule({ table: 'nat', chain: 'POSTROUTING', rule: '-j ACCEPT', position: 'last' }, call))
      t.true(await iptables.ensureRule({ table: 'nat', chain: 'POSTROUTING', rule, position: 'first' }, call))
      t.false(await iptables.ensureRule({ table: 'nat', chain: 'POSTROUTING', rule, position: 'first' }, call))
      t.deepEqual((await iptables.save('nat', call)).chains.get('POSTROUTING')?.rules, [rule, '-j ACCEPT'])
      t.is(await iptables.removeRulesByComment('nat', comment => comment === 'weft test', call), 1)
      await iptables.ensureRule({ table: 'nat', chain: 'POSTROUTING', rule, position: 'first' }, call)
      await iptables.removeChains('nat', chain => chain.startsWith('WEFT-'), call)
      await iptables.removeChains('nat', chain => chain.startsWith('WEFT-'), call)
      const { chains } = await iptables.save('nat', call)
      t.false(chains.has('WEFT-TEST'))
      t.deepEqual(chains.get('POSTROUTING')?.rules, ['-j ACCEPT'])
      await iptables.removeRule({ table: 'nat', chain: 'POSTROUTING', rule: '-j ACCEPT' }, call)
      await iptables.removeRule({ table: 'nat', chain: 'POSTROUTING', rule: '-j ACCEPT' }, call)
      t.deepEqual((await iptables.save('nat', call)).chains.get('POSTROUTING')?.rules, [])
    })

    test(`[${variant} IPv${family}] a chain's content is written only when it differs`, async t => {
      const iptables = await open(t)
      const rules = [
        `-s ${host} -p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 80 -m statistic --mode random --probability 0.33333333349 -j ACCEPT`,
        '-m conntrack --ctstate INVALID -j DROP',
        '-m mark --mark 0x4000/0x4000 -j ACCEPT',
      ]
      const want = { table: 'filter', chain: 'WEFT-TEST', rules } as const
      t.true(await iptables.ensureChainContent(want, call))
      t.false(await iptables.ensureChainContent(want, call))
      t.true(await iptables.ensureChainContent({ ...want, rules: rules.slice(1) }, call))
      t.true(await iptables.ensureChainContent({ ...want, rules: [...rules.slice(1)].reverse() }, call))
    })

    test(`[${variant} IPv${family}] a table's change that fails names the line and leaves the table as it was`, async t => {
      const iptables = await open(t)
      const lines = ['-A WEFT-A -j ACCEPT', '-A WEFT-A -j WEFT-NOWHERE']
      const error = await t.throwsAsync(
        iptables.restore([{ table: 'nat', chains: ['WEFT-A'], lines, removedChains: [] }], call),
        { instanceOf: IptablesError },
      )
      t.regex(`${error.failedLine?.text}`, /WEFT-NOWHERE|COMMIT/)
      t.false(await iptables.hasChain('nat', 'WEFT-A', call))
    })
  }
}

test('a kubelet\'s hint chain decides the variant, else the plain program does', async t => {
  const { path, lockFile } = namespaceFor(t)
  const automatic = (): Promise<Iptables> => Iptables.open({ family: 4, variant: 'auto', netns: path, lockFile, signal })
  const plain = (await automatic()).variant
  const other = plain === 'nft' ? 'legacy' : 'nft'
  const hinted = await Iptables.open({ family: 4, variant: other, netns: path, lockFile, signal })
  await hinted.ensureChain('mangle', 'KUBE-IPTABLES-HINT', call)
  t.is((await automatic()).variant, other)
})

test.serial('a missing program is an error that says what to install', async t => {
  const before = process.env['PATH']
  try {
    process.env['PATH'] = '/nonexistent'
    await t.throwsAsync(Iptables.open({ family: 4, variant: 'auto', signal }), { instanceOf: IptablesMissingError, message: /install the package iptables/ })
  } finally {
    process.env['PATH'] = before
  }
})

test('a legacy call waits for the lock that somebody else holds', async t => {
  const { path, lockFile } = namespaceFor(t)
  const iptables = await Iptables.open({ family: 4, variant: 'legacy', netns: path, lockFile, signal })
  const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise(resolve => holder.stdout.once('data', resolve))
  const waiting = iptables.ensureChain('nat', 'WEFT-LOCK', call)
  const first = await Promise.race([waiting.then(() => 'done'), new Promise(resolve => setTimeout(resolve, 300, 'waiting'))])
  t.is(first, 'waiting')
  holder.stdin.end('\n')
  t.true(await waiting)
})
