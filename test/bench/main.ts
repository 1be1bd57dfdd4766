// `npm run bench -- SUBJECT… [--quick] [--check] [--json]`

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Result } from './figure.ts'
import { GOALS } from './goals.ts'
import { describeMachine } from './machine.ts'
import { formatPage, verdictTable, type Report } from './report/markdown.ts'
import { plot } from './report/plot.ts'
import type { Subject } from './subject.ts'
import { SUBJECTS } from './subjects/index.ts'
import { judge } from './verdict.ts'

const OUT = join(import.meta.dirname, '..', '..', 'docs', 'benchmarks')

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
})
const unknown = positionals.filter(name => !SUBJECTS.some(subject => subject.name === name))
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no subject ${unknown.join(', ')}\n${SUBJECTS.map(s => `  ${s.name.padEnd(16)} ${s.about}\n`).join('')}`)
  process.exit(2)
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort(new Error('stopped by SIGINT')))
const results: Result[] = []
for (const subject of SUBJECTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  results.push(await measure(subject))
  stop.signal.throwIfAborted()
}
const report: Report = {
  command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
  date: new Date().toISOString().slice(0, 10),
  machine: describeMachine(),
  results,
  verdicts: judge(GOALS, results),
}
for (const result of results) writePage(result)
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else for (const result of results) process.stdout.write(`${formatPage(report, result, new Map())}\n`)
if (values.check) {
  process.stderr.write(`${verdictTable(report.verdicts)}\n`)
  process.exitCode = report.verdicts.every(verdict => verdict.state === 'met') ? 0 : 1
}

/** A subject that throws yields no figures; its goals then count as not measured, with the reason. */
async function measure(subject: Subject): Promise<Result> {
  const start = performance.now()
  const say = (line: string): void => void process.stderr.write(`${subject.name}: ${line}\n`)
  try {
    const { measure: run } = await subject.load()
    return { subject: subject.name, ...(await run({ quick: values.quick, say, signal: stop.signal })) }
  } catch (error) {
    say(`failed: ${(error as Error).stack ?? String(error)}`)
    const reason = (error as Error).message
    return { subject: subject.name, figures: [], series: [], skips: GOALS.filter(g => g.subject === subject.name).map(g => ({ key: g.key, reason })) }
  } finally {
    say(`took ${Math.round((performance.now() - start) / 1000)} s`)
  }
}

/** Quick runs are for the eye only: the pages in `docs/benchmarks` come from whole runs. */
function writePage(result: Result): void {
  if (values.quick) return
  mkdirSync(OUT, { recursive: true })
  const plots = new Map(result.series.map(series => [series.key, `${result.subject}-${series.key.replaceAll(/[^\w.-]/g, '-')}.svg`]))
  for (const series of result.series) writeFileSync(join(OUT, plots.get(series.key)!), plot(series))
  writeFileSync(join(OUT, `${result.subject}.md`), formatPage(report, result, plots))
  writeFileSync(join(OUT, `${result.subject}.json`), `${JSON.stringify({ command: report.command, date: report.date, machine: report.machine, ...result }, null, 2)}\n`)
}
