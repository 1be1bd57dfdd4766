import test from 'ava'
import { Progress } from '../../../../src/cluster/console/progress.ts'
import { formatTable } from '../../../../src/cluster/console/table.ts'

/** A terminal that keeps what is written, and a clock that moves a second with every look. */
function makeProgress(isTty: boolean): { progress: Progress; written: () => string } {
  let text = ''
  let seconds = 0
  const clock = { now: () => 0, monotonicMs: () => 1000 * seconds++, sleep: async () => undefined }
  return { progress: new Progress({ write: more => (text += more), isTty }, clock), written: () => text }
}

test('a step shows its result and its duration on one line', async t => {
  const { progress, written } = makeProgress(false)
  t.is(await progress.step('counting', async () => 3, count => `${count} hosts`), 3)
  t.regex(written(), /^ {2}✓ 3 hosts +1\.00 s\n$/)
})

test('a terminal shows the running step and then writes over it', async t => {
  const { progress, written } = makeProgress(true)
  await progress.step('counting', async () => t.is(written(), '  … counting'))
  t.regex(written(), /^ {2}… counting\r\u001B\[2K {2}✓ counting +1\.00 s\n$/)
})

test('a step that fails keeps its title, is marked, and fails', async t => {
  const { progress, written } = makeProgress(false)
  await t.throwsAsync(progress.step('counting', () => Promise.reject(new Error('no')), () => 'done'), { message: 'no' })
  t.regex(written(), /^ {2}✗ counting/)
})

test('table columns are as wide as their widest cell, and no line ends in spaces', t => {
  t.is(formatTable(['A', 'LONG'], [['value', 'x'], ['y', 'z']]), 'A       LONG\nvalue   x\ny       z\n')
})
