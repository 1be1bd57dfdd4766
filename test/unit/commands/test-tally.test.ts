import test from 'ava'
import { addTallies, afterSecondRun, filesOfFailures, formatTally, readOutcome, tallyOf } from '../../../src/commands/test-tally.ts'

const tally = (output: string, exitCode: number) => tallyOf(readOutcome(output, exitCode))

test('passed tests are counted by their lines, also when others failed', t => {
  const output = '\n  ✔ a › one\n  ✘ [fail]: a › two Rejected promise\n  ✔ b › three (1.2s)\n  - [skip] b › four\n  ─\n\n  1 test failed\n  1 test skipped\n'
  t.deepEqual(tally(output, 1), { passed: 2, failed: 1 })
})

test('a crashed file, a failed hook, a stray exception and a hang are failures', t => {
  t.deepEqual(tally('  ✔ a › one\n\n✘ test/b.test.ts exited due to SIGSEGV\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(tally('  ✔ a › one\n  1 uncaught exception\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(tally('  ✔ a › one\n  2 tests remained pending after a timeout\n', 1), { passed: 1, failed: 2 })
})

test('a run that failed without saying why, and one without any test, count one failure', t => {
  t.deepEqual(tally('  ✔ a › one\n', 1), { passed: 1, failed: 1 })
  t.deepEqual(tally('', 0), { passed: 0, failed: 1 })
})

test('the reasons of failures are kept for the end of the log, and nothing when all passed', t => {
  t.is(readOutcome('  ✔ a › one\n  ✘ [fail]: a › two\n  ─\n\n  a › two\n\n  Difference\n\n  ─\n\n  1 test failed\n', 1).details, '\n  a › two\n\n  Difference\n\n  ─\n\n  1 test failed')
  t.is(readOutcome('  ✔ a › one\n  ─\n\n  1 test passed\n', 0).details, '')
})

test('the files of failures are found by the longest name that fits the title', t => {
  const files = ['test/kernel/cni/ports.test.ts', 'test/kernel/cni.test.ts', 'test/kernel/lab.test.ts']
  const outcome = readOutcome('  ✘ [fail]: cni › ports › one › two (12ms)\n  ✘ [fail]: lab › three\n\n✘ test/kernel/x.test.ts exited with a non-zero exit code: 1\n', 1)
  t.deepEqual(filesOfFailures(outcome, files), ['test/kernel/x.test.ts', 'test/kernel/cni/ports.test.ts', 'test/kernel/lab.test.ts'])
})

test('a failure without a file leaves nothing to run again', t => {
  t.is(filesOfFailures(readOutcome('  ✔ a › one\n  1 uncaught exception\n', 1), ['test/unit/a.test.ts']), undefined)
  t.is(filesOfFailures(readOutcome('  ✘ [fail]: b › one\n', 1), ['test/unit/a.test.ts']), undefined)
})

test('of files that ran twice the second run decides, and a test that it does not show counts as failed', t => {
  const first = readOutcome('  ✔ a › one\n  ✔ b › four (1s)\n  ✘ [fail]: a › two Rejected promise\n  ─\n', 1)
  const files = ['test/kernel/a.test.ts']
  t.deepEqual(afterSecondRun(first, readOutcome('  ✔ one (3ms)\n  ✔ two\n', 0), files), { passed: 3, failed: 0 })
  t.deepEqual(afterSecondRun(first, readOutcome('  ✔ one\n  ✘ [fail]: two Rejected promise\n', 1), files), { passed: 2, failed: 1 })
  t.deepEqual(afterSecondRun(first, readOutcome('  ✔ one (3ms)\n', 0), files), { passed: 2, failed: 1 })
  t.deepEqual(afterSecondRun(first, readOutcome('  ✔ one\n  ✔ two\n\n✘ test/kernel/a.test.ts exited due to SIGSEGV\n', 1), files), { passed: 3, failed: 1 })
})

test('the closing line adds all runs up', t => {
  t.is(formatTally(addTallies([{ passed: 3, failed: 0 }, { passed: 4, failed: 1 }])), '7 passed, 1 failed')
})
