// docs/upstream-behaviours.md claims that tests hold behaviours: the tests exist, under those titles, and the counts are true.

import test from 'ava'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const DOCS = join(import.meta.dirname, '..', '..', '..', 'docs')
const page = readFileSync(join(DOCS, 'upstream-behaviours.md'), 'utf8')
const rows = page.split('\n').filter(line => /^\| (?!behaviour|---)/.test(line))
const cited = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, title, file]) => ({ title: title!.replaceAll('\\|', '|'), file: file! }))

/** Titles as they stand in the source, where quotes may be escaped. */
const holds = (source: string, title: string): boolean => source.includes(title) || source.includes(title.replaceAll("'", "\\'"))

test('each cited test stands in the file that is named, or is that whole file', t => {
  t.true(cited.length > 60)
  for (const { title, file } of cited) {
    const path = join(DOCS, '..', file)
    t.true(existsSync(path), file)
    const whole = /^all of (.*)$/.exec(title)?.[1]
    if (whole !== undefined) t.is(file.split('/').at(-1), whole)
    else t.true(holds(readFileSync(path, 'utf8'), title), `${file} has no test "${title}"`)
  }
})

test('each behaviour is held by a test or says why not, once, and the counts are true', t => {
  const open = rows.filter(row => row.includes('**not covered**: '))
  for (const row of rows) t.true(open.includes(row) || /\]\(\.\.\/test\//.test(row), row)
  t.true(page.includes(`\n${rows.length - open.length} covered, ${open.length} not.\n`), `${rows.length - open.length} covered, ${open.length} not`)
  const behaviours = rows.map(row => row.split(' | ')[0])
  t.is(new Set(behaviours).size, behaviours.length)
})
