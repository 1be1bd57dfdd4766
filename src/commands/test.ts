// `weft test`: the type check, then the tests tier by tier. One ava run per tier, because tiers differ in how
// many test files may share the machine: tests that watch a whole cluster must not starve each other.

import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { addTallies, formatTally, readTally, type Tally } from './test-tally.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * How many test files of a tier run at the same time. Two suits the smallest machine that Weft is tested on; kernel tests
 * mostly wait (for packets that must not arrive, for time-outs), so three keep that machine no busier.
 */
const TIERS = [
  { name: 'unit', concurrency: 2 },
  { name: 'kernel', concurrency: 3 },
  { name: 'e2e', concurrency: 1 },
] as const

export const command = (): Command =>
  new Command()
    .argument('[files...]', 'test files or patterns; without any, all of test/unit, test/kernel and test/e2e')
    .option('--match <pattern>', 'only tests whose title matches (ava\'s --match)')
    .action(async (files: readonly string[], options: Readonly<{ match?: string }>) => {
      const match = options.match === undefined ? [] : ['--match', options.match]
      const tally = addTallies([await typecheck(), ...(await testRuns(files, match))])
      process.stdout.write(`\n${formatTally(tally)}\n`)
      process.exitCode = tally.failed === 0 ? 0 : 1
    })

async function typecheck(): Promise<Tally> {
  const { code } = await run(programOf('typescript', 'tsc'), ['--noEmit'], 'inherit')
  return { passed: 0, failed: code === 0 ? 0 : 1 }
}

async function testRuns(files: readonly string[], match: readonly string[]): Promise<readonly Tally[]> {
  if (files.length > 0) return [await ava([...match, ...files])]
  const tallies: Tally[] = []
  for (const { name, concurrency } of TIERS) {
    if (globSync(`test/${name}/**/*.test.ts`, { cwd: ROOT }).length === 0) continue
    process.stdout.write(`\n== test/${name}\n`)
    tallies.push(await ava(['--concurrency', String(concurrency), ...match, `test/${name}/**/*.test.ts`]))
  }
  return tallies
}

async function ava(args: readonly string[]): Promise<Tally> {
  const { code, output } = await run(programOf('ava', 'ava'), args, 'pipe')
  return readTally(output, code)
}

/** Path of the script behind a package's command. */
function programOf(packageName: string, name: string): string {
  const manifestPath = join(ROOT, 'node_modules', packageName, 'package.json')
  const { bin } = createRequire(import.meta.url)(manifestPath) as { bin: Readonly<Record<string, string>> | string }
  const path = join(dirname(manifestPath), typeof bin === 'string' ? bin : bin[name]!)
  if (!existsSync(path)) throw new Error(`${path} is missing: remove node_modules and start again`)
  return path
}

async function run(script: string, args: readonly string[], stdout: 'inherit' | 'pipe'): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: ['ignore', stdout, 'inherit'] })
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
