import test from 'ava'
import { formatPage } from '../../interop/report/page.ts'
import { rowsOf } from '../../interop/report/tap.ts'

const TAP = `TAP version 13
ok 1 - API server weft, agent weft (12.5s)
not ok 2 - [host-1] a pod | another
  ---
    message: Promise rejected
    at: cell.ts:10
  ...
ok 3 - flanneld passes (the peer flanneld-0.28.4 is missing: npm run peers -- flanneld) # SKIP
# 3 tests
`

test('TAP becomes rows with state, title and reason', t => {
  t.deepEqual(rowsOf(TAP), [
    { state: 'passed', title: 'API server weft, agent weft', why: '' },
    { state: 'failed', title: 'a pod | another', why: 'message: Promise rejected' },
    { state: 'not run', title: 'flanneld passes', why: 'the peer flanneld-0.28.4 is missing: npm run peers -- flanneld' },
  ])
})

test('the page counts all rows, joins the pieces of a suite and keeps its tables whole', t => {
  const [a, b, c] = rowsOf(TAP)
  const page = formatPage([{ suite: 'test/interop/matrix/matrix.test.ts', date: '2026-01-01', rows: [a!] }, { suite: 'test/interop/matrix/matrix.test.ts', date: '2026-01-02', rows: [b!, c!] }], 'Peers.')
  t.regex(page, /1 passed, 1 failed, 1 not run\. Dates: 2026-01-01, 2026-01-02\./)
  t.is(page.match(/^## /gm)?.length, 1)
  t.true(page.includes('| failed | a pod \\| another | message: Promise rejected |'))
})
