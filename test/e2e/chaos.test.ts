// A short run of test/chaos as a person starts it: the faults of a fixed seed, and no failure without an excuse.

import test from 'ava'
import { listClusters, takeInventory } from '../../src/cluster/inventory/inventory.ts'
import { run } from '../lab/local-cluster.ts'

const chaos = (flags: readonly string[]) => run('./weft', ['run', 'test/chaos/main.ts', ...flags], { timeoutMs: 170_000 })

test('under faults of every kind nothing fails that no fault excuses, and nothing is left', async t => {
  t.timeout(180_000)
  const before = await listClusters()
  const { code, stdout, stderr } = await chaos(['--seed', '5', '--for', '25s', '--hosts', '2'])
  t.log(stdout)
  t.is(code, 0, stdout + stderr)
  const [, faults, , unexcused] = /(\d+) faults; (\d+) attempts, of which (\d+) with no excuse/.exec(stdout) ?? []
  t.true(Number(faults) >= 6, stdout)
  t.true(Number(unexcused) >= 500, stdout)
  for (const name of await listClusters()) if (!before.includes(name)) t.deepEqual((await takeInventory(name)).processes, [])
})

test('what is not a seed or a time is refused with the usage', async t => {
  for (const flags of [['--seed', 'x'], ['--for', 'ever']]) {
    const { code, stderr } = await chaos(flags)
    t.is(code, 2)
    t.regex(stderr, /usage: npm run test:chaos/)
  }
})
