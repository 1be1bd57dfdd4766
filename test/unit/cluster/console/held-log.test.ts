import test from 'ava'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HeldLog } from '../../../../src/cluster/console/held-log.ts'

/** A log on a disk that is full (full(4)) until `makeRoom`. */
function fullDisk(t: { teardown: (fn: () => void) => void }): Readonly<{ path: string; makeRoom: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-held-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'up.log')
  symlinkSync('/dev/full', path)
  return { path, makeRoom: () => rmSync(path) }
}

test('a full disk does not throw, and every line is there once there is room', t => {
  const { path, makeRoom } = fullDisk(t)
  const log = new HeldLog(path)
  log.write('one\n')
  log.write('two\n')
  makeRoom()
  log.write('three\n')
  log.write('four\n')
  t.is(readFileSync(path, 'utf8'), 'one\ntwo\nthree\nfour\n')
})

test('what waits is bounded: the newest lines are kept whole, and the loss is told', t => {
  const { path, makeRoom } = fullDisk(t)
  const log = new HeldLog(path)
  for (let n = 0; n < 20_000; n += 1) log.write(`line ${n} of many\n`)
  makeRoom()
  log.write('last\n')
  const lines = readFileSync(path, 'utf8').split('\n')
  t.is(lines[0], '… lines were lost while the log could not be written')
  t.regex(lines[1]!, /^line \d+ of many$/)
  t.deepEqual(lines.slice(-3), ['line 19999 of many', 'last', ''])
  t.true(lines.join('\n').length < 300_000)
})
