import test from 'ava'
import { addTallies, formatTally, readTally } from '../../../src/commands/test-tally.ts'

test('passed tests are counted by their lines, also when others failed', t => {
  const output = '\n  ✔ a › one\n  ✘ [fail]: a › two Rejected promise\n  ✔ b › three (1.2s)\n  - [skip] b › four\n  ─\n\n  1 test failed\n  1 test skipped\n'
  t.deepEqual(readTally(output, 1), { passed: 2, failed: 1 })
})

test('a crashed file, a failed hook, a stray exception and a hang are failures', t => {
  t.deepEqual(readTally('  ✔ a › one\n\n✘ test/b.test.ts exited due to SIGSEGV\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(readTally('  ✔ a › one\n  1 uncaught exception\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(readTally('  ✔ a › one\n  2 tests remained pending after a timeout\n', 1), { passed: 1, failed: 2 })
})

test('a run that failed without saying why, and one without any test, count one failure', t => {
  t.deepEqual(readTally('  ✔ a › one\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(readTally('', 0), { passed: 0, failed: 1 })
})

test('the closing line adds all runs up', t => {
  t.is(formatTally(addTallies([{ passed: 3, failed: 0 }, { passed: 4, failed: 1 }])), '7 passed, 1 failed')
})
