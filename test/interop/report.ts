// `npm run test:interop [-- FILES…]`: runs the interop suites against the real peers and writes docs/compatibility.md:
// what passed, what failed (why), what was not run (why). Exit code 1 when something failed.

import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PEERS_DIR, ROOT } from '../peers/cache.ts'

type Row = Readonly<{ state: 'passed' | 'failed' | 'not run'; title: string; why: string }>

const files = process.argv.slice(2)
const suites = files.length > 0 ? files : globSync('test/interop/**/*.test.ts', { cwd: ROOT }).sort()
const sections: { suite: string; rows: readonly Row[] }[] = []
for (const suite of suites) {
  process.stderr.write(`\n== ${suite}\n`)
  sections.push({ suite, rows: await runSuite(suite) })
}
const rows = sections.flatMap(section => section.rows)
const count = (state: Row['state']): number => rows.filter(row => row.state === state).length
if (files.length === 0) writeFileSync(join(ROOT, 'docs', 'compatibility.md'), page())
process.stdout.write(`${count('passed')} passed, ${count('failed')} failed, ${count('not run')} skipped\n`)
process.exitCode = count('failed') === 0 ? 0 : 1

/** One suite in a process of its own; its TAP lines become rows. */
async function runSuite(suite: string): Promise<readonly Row[]> {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', '.bin', 'ava'), '--tap', suite], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    for (const line of text.split('\n')) if (/^(not )?ok /.test(line)) process.stderr.write(`${line}\n`)
  })
  await new Promise(resolve => child.once('close', resolve))
  return rowsOf(output)
}

function rowsOf(tap: string): readonly Row[] {
  const lines = tap.split('\n')
  return lines.flatMap((line, index): readonly Row[] => {
    const match = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO).*)?$/.exec(line)
    if (match === null) return []
    const title = match[2]!.replace(/^\[[^\]]*\] /, '').replace(/ \(\d+(?:\.\d+)?m?s\)$/, '')
    if (match[3] !== undefined) return [{ state: 'not run', title: title.replace(/ \(skipped: .*\)$/, ''), why: /\(skipped: (.*)\)$/.exec(title)?.[1] ?? '' }]
    if (match[1] === undefined) return [{ state: 'passed', title, why: '' }]
    const why = lines.slice(index + 1, index + 30).find(candidate => /^\s+(?:message|values|at|formatted):/.test(candidate)) ?? ''
    return [{ state: 'failed', title, why: why.trim().slice(0, 200) }]
  })
}

function page(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const tables = sections.map(({ suite, rows: list }) => [
    `## ${suite.replace(/^test\/interop\//, '').replace(/\.test\.ts$/, '')}`,
    ['| result | what | why |', '| --- | --- | --- |', ...list.map(row => `| ${row.state} | ${cell(row.title)} | ${cell(row.why)} |`)].join('\n'),
  ].join('\n\n'))
  return [
    '# Compatibility',
    'Written by `npm run test:interop`: every row is a real run of the real programs in namespaces of its own.',
    `${count('passed')} passed, ${count('failed')} failed, ${count('not run')} not run. Date: ${new Date().toISOString().slice(0, 10)}.`,
    peersLine(),
    ...tables,
  ].join('\n\n').concat('\n')
}

function peersLine(): string {
  const inventory = join(PEERS_DIR, 'inventory.json')
  if (!existsSync(inventory)) return 'Peers: see [peers.md](peers.md).'
  const present = (JSON.parse(readFileSync(inventory, 'utf8')) as { name: string; state: string }[]).filter(peer => peer.state !== 'missing').map(peer => peer.name)
  return `Peers at hand: ${present.join(', ')} ([how they are had](peers.md)).`
}
