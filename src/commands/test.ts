// `weft test`: the type check, then the tests tier by tier. One ava run per tier, because tiers differ in how
// many test files may share the machine: tests that watch a whole cluster must not starve each other. What failed is
// told again at the end, where the reader of a long log looks first.

import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Command, Option } from 'commander'
import { addTallies, afterSecondRun, failures, filesOfFailures, formatTally, readOutcome, tallyOf, type Outcome, type Tally } from './test-tally.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * How many test files of a tier run at the same time. Two suits the smallest machine that Weft is tested on; kernel tests
 * mostly wait (for packets that must not arrive, for time-outs), so three keep that machine no busier. A file belongs to the
 * first tier that it fits.
 */
const TIERS = [
  { name: 'unit', files: 'test/unit/**/*.test.ts', concurrency: 2 },
  { name: 'kernel', files: 'test/kernel/**/*.test.ts', concurrency: 3 },
  { name: 'e2e, the control plane', files: 'test/e2e/{apiserver,controllers,store}/**/*.test.ts', concurrency: 2 },
  { name: 'e2e, whole clusters and hosts', files: 'test/e2e/**/*.test.ts', concurrency: 1 },
] as const

/** More failed files than this are no accident of timing, and running them again would only take time. */
const MOST_SECOND_RUNS = 4

/** What is known of a finished run: how many tests passed, and for those that did not what the log's end should say. */
type Report = Readonly<{ tally: Tally; remarks: readonly string[] }>

/** Runs ava with these arguments and reads what it reports. */
type TestRunner = (args: readonly string[]) => Promise<Outcome>

export const command = (): Command =>
  new Command()
    .argument('[files...]', 'test files or patterns; without any, all of test/unit, test/kernel and test/e2e')
    .option('--match <pattern>', 'only tests whose title matches (ava\'s --match)')
    .addOption(new Option('--seed <number>', 'of the random tests, to meet a failure of an earlier run again').default(String(Math.floor(Math.random() * 2 ** 31)), 'a new one'))
    .action(async (files: readonly string[], options: Readonly<{ match?: string; seed: string }>) => {
      process.stdout.write(`Random tests: --seed ${options.seed}\n`)
      const match = options.match === undefined ? [] : ['--match', options.match]
      const ava: TestRunner = args => runAva([...match, ...args], options.seed)
      const reports = [await typecheck(), ...(files.length > 0 ? [report(await ava(files))] : await allTiers(ava))]
      const tally = addTallies(reports.map(({ tally }) => tally))
      const remarks = reports.flatMap(({ remarks }) => remarks)
      process.stdout.write(`\n${[...remarks, formatTally(tally)].join('\n\n')}\n`)
      process.exitCode = tally.failed === 0 ? 0 : 1
    })

async function typecheck(): Promise<Report> {
  const { code } = await run(programOf('typescript', 'tsc'), ['--noEmit'], 'inherit')
  return code === 0
    ? { tally: { passed: 0, failed: 0 }, remarks: [] }
    : { tally: { passed: 0, failed: 1 }, remarks: ['The type check failed: see the head of this log.'] }
}

async function allTiers(ava: TestRunner): Promise<readonly Report[]> {
  const reports: Report[] = []
  const seen = new Set<string>()
  for (const { name, files: pattern, concurrency } of TIERS) {
    const files = globSync(pattern, { cwd: ROOT }).filter(file => !seen.has(file)).sort()
    if (files.length === 0) continue
    for (const file of files) seen.add(file)
    process.stdout.write(`\n== ${name}\n`)
    const first = await ava(['--concurrency', String(concurrency), ...files])
    reports.push(await judge(first, files, ava))
  }
  return reports
}

/**
 * A few failed files run once more, each alone. Kernel tests compare times on a machine that other tests keep busy: what
 * fails only in company is told at the end of the log, to be mended, but does not say that the code is wrong.
 */
async function judge(first: Outcome, files: readonly string[], ava: TestRunner): Promise<Report> {
  const again = failures(first) === 0 ? [] : filesOfFailures(first, files) ?? []
  if (again.length === 0 || again.length > MOST_SECOND_RUNS) return report(first)
  process.stdout.write(`\n== once more, alone: ${again.join(' ')}\n`)
  const second = await ava(['--concurrency', '1', ...again])
  const tally = afterSecondRun(first, second, again)
  const verdict = tally.failed === 0 ? 'Failed in company and passed alone' : 'Failed in company, and what follows also alone'
  return { tally, remarks: [`${verdict}: ${again.join(' ')}\n${first.details}`, ...report(second).remarks] }
}

const report = (outcome: Outcome): Report => ({ tally: tallyOf(outcome), remarks: outcome.details === '' ? [] : [outcome.details] })

async function runAva(args: readonly string[], seed: string): Promise<Outcome> {
  const { code, output } = await run(programOf('ava', 'ava'), args, 'pipe', { WEFT_SEED: seed })
  return readOutcome(output, code)
}

/** Path of the script behind a package's command. */
function programOf(packageName: string, name: string): string {
  const manifestPath = join(ROOT, 'node_modules', packageName, 'package.json')
  const { bin } = createRequire(import.meta.url)(manifestPath) as { bin: Readonly<Record<string, string>> | string }
  const path = join(dirname(manifestPath), typeof bin === 'string' ? bin : bin[name]!)
  if (!existsSync(path)) throw new Error(`${path} is missing: remove node_modules and start again`)
  return path
}

async function run(script: string, args: readonly string[], stdout: 'inherit' | 'pipe', env: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', stdout, 'inherit'] })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  // The terminal sends Ctrl-C to the runner as well, which then stops its tests in order: wait for it.
  const waitForRunner = (): void => undefined
  process.on('SIGINT', waitForRunner)
  const stopRunner = (): void => void child.kill('SIGTERM')
  process.on('SIGTERM', stopRunner)
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', status => resolve(status ?? 1))
    })
    return { code, output }
  } finally {
    process.off('SIGINT', waitForRunner)
    process.off('SIGTERM', stopRunner)
  }
}
