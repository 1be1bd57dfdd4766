// A disk that fills up under the store, with a real file system.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

test('on a full disk writes are refused, and with room again they are taken; what was acknowledged is there, what was refused is not', t => {
  t.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'weft-full-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // The mount ends with the process.
  const output = execFileSync('unshare', ['--mount', '--propagation', 'private', process.execPath, join(import.meta.dirname, 'full-disk-writer.ts'), folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 50_000 })
  const [open, again] = output.split('\n').filter(line => line.startsWith('{"phase"')).map(line => JSON.parse(line)) as [any, any]
  t.true(open.refused.length > 0, 'the disk was never full')
  for (const line of open.refused) t.regex(line, /^full-\d-\d+ STORE_WRITE_FAILED$/)
  for (let round = 0; round < 3; round += 1) for (let n = 0; n < 5; n += 1) t.true(open.acknowledged.includes(`after-${round}-${n}`), `after-${round}-${n}`)
  t.deepEqual(open.held, [...open.acknowledged].sort())
  t.deepEqual(again.held, open.held)
  t.is(again.revision, open.revision)
  t.deepEqual(open.revisions, [...new Set(open.revisions)].sort((a, b) => (a as number) - (b as number)))
})
