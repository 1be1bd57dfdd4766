import test from 'ava'
import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { followLines } from '../../../src/cluster/supervisor/follow-file.ts'
import { trimLog } from '../../../src/cluster/supervisor/trim-log.ts'

const makeFile = (t: { teardown: (fn: () => void) => void }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-trim-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return join(folder, 'agent.log')
}

test('a log that is too long is cut under its writer, who goes on at its start; the old text is kept', async t => {
  const file = makeFile(t)
  const writer = openSync(file, 'a')
  writeSync(writer, 'old line\n')
  t.true(await trimLog(file, 4))
  writeSync(writer, 'new line\n')
  closeSync(writer)
  t.is(readFileSync(file, 'utf8'), 'new line\n')
  t.is(readFileSync(`${file}.1`, 'utf8'), 'old line\n')
})

test('a short log and an absent one are left alone', async t => {
  const file = makeFile(t)
  t.false(await trimLog(file, 4))
  appendFileSync(file, 'x\n')
  t.false(await trimLog(file, 4))
  t.false(existsSync(`${file}.1`))
})

test('a follower sees every line across a cut, begins where it is told, and ends with the signal', async t => {
  const file = makeFile(t)
  appendFileSync(file, 'skipped\nfirst\n')
  const controller = new AbortController()
  const lines: string[] = []
  for await (const line of followLines(file, { from: 8, signal: controller.signal })) {
    lines.push(line)
    if (line === 'first') appendFileSync(file, 'sec')
    if (line === 'first') appendFileSync(file, 'ond\n')
    if (line === 'second') {
      await trimLog(file, 4)
      appendFileSync(file, 'third\n')
    }
    if (line === 'third') controller.abort()
  }
  t.deepEqual(lines, ['first', 'second', 'third'])
})

test('a log is cut also where the disk has no room for a copy', async t => {
  const file = makeFile(t)
  appendFileSync(file, 'old line\n')
  // The copy goes to a disk that is full (full(4)).
  symlinkSync('/dev/full', `${file}.1`)
  t.true(await trimLog(file, 4))
  t.is(readFileSync(file, 'utf8'), '')
  t.false(existsSync(`${file}.1`))
})
