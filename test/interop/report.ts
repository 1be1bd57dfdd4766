// `npm run test:interop [-- FILES… | --page]`: runs the interop suites against the real peers and writes docs/compatibility.md:
// what passed, what failed (why), what was not run (why). Exit code 1 when something failed.
// Each suite's result is kept in .cache/interop, so that a long run can be made in pieces: FILES runs those only and --page
// writes the page from what is kept.

import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPeer, ROOT } from '../peers/cache.ts'
import { PEERS } from '../peers/manifest.ts'
import { formatPage, type Section } from './report/page.ts'
import { rowsOf } from './report/tap.ts'

/** Suites elsewhere that hold real clients against Weft. */
const ELSEWHERE = ['test/e2e/apiserver/kubectl.test.ts']
/** The matrix takes longer than anybody wants to wait for one answer. */
const SHARES: Readonly<Record<string, number>> = { 'test/interop/matrix/matrix.test.ts': 6 }
const KEPT = join(ROOT, '.cache', 'interop')

type Piece = Readonly<{ suite: string; share: string | undefined }>

const all: readonly Piece[] = [...globSync('test/interop/**/*.test.ts', { cwd: ROOT }).sort(), ...ELSEWHERE].flatMap((suite): readonly Piece[] => {
  const shares = SHARES[suite]
  return shares === undefined ? [{ suite, share: undefined }] : Array.from({ length: shares }, (_, index) => ({ suite, share: `${index + 1}/${shares}` }))
})
const words = process.argv.slice(2)
const asked = words.filter(word => !word.startsWith('--'))
const chosen = words.includes('--page') ? [] : asked.length === 0 ? all : all.filter(piece => asked.includes(nameOf(piece)) || asked.includes(piece.suite))
if (asked.some(word => !all.some(piece => nameOf(piece) === word || piece.suite === word))) {
  process.stderr.write(`interop: there are these pieces:\n${all.map(piece => `  ${nameOf(piece)}\n`).join('')}`)
  process.exit(2)
}

mkdirSync(KEPT, { recursive: true })
const results: Section[] = []
for (const piece of chosen) {
  process.stderr.write(`\n== ${nameOf(piece)}\n`)
  const section = { suite: piece.suite, date: new Date().toISOString().slice(0, 10), rows: await runSuite(piece) }
  writeFileSync(fileOf(piece), JSON.stringify(section))
  results.push(section)
}
if (asked.length === 0) writeFileSync(join(ROOT, 'docs', 'compatibility.md'), formatPage(all.flatMap(kept), peersLine()))
const rows = (asked.length === 0 ? all.flatMap(kept) : results).flatMap(section => section.rows)
const count = (state: string): number => rows.filter(row => row.state === state).length
process.stdout.write(`${count('passed')} passed, ${count('failed')} failed, ${count('not run')} not run\n`)
process.exitCode = count('failed') === 0 ? 0 : 1

function nameOf({ suite, share }: Piece): string {
  return share === undefined ? suite : `${suite}:${share}`
}

function fileOf(piece: Piece): string {
  return join(KEPT, `${nameOf(piece).replaceAll(/[^\w.-]/g, '-')}.json`)
}

/** What the last run of this piece found; a row that says so when there was none. */
function kept(piece: Piece): Section {
  if (existsSync(fileOf(piece))) return JSON.parse(readFileSync(fileOf(piece), 'utf8')) as Section
  return { suite: piece.suite, date: '', rows: [{ state: 'not run', title: nameOf(piece), why: 'this piece was left out' }] }
}

/** One suite in a process of its own; its TAP lines become rows. */
async function runSuite({ suite, share }: Piece): Promise<Section['rows']> {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', '.bin', 'ava'), '--tap', suite], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...(share !== undefined && { WEFT_CELLS: share }) } })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    for (const line of text.split('\n')) if (/^(not )?ok /.test(line)) process.stderr.write(`${line}\n`)
  })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  const found = rowsOf(output)
  // A suite that ends badly without naming a test has failed as a whole.
  return code === 0 || found.some(({ state }) => state === 'failed') ? found : [...found, { state: 'failed', title: suite, why: `the suite ended with ${code}` }]
}

function peersLine(): string {
  return `Peers at hand: ${PEERS.map(({ name }) => name).filter(name => findPeer(name) !== undefined).join(', ')} ([how they are had](peers.md)).`
}
