// The plugin was accepted scenario by scenario. Their numbers stand in the titles of the tests that show them; one that
// no title names any more has lost its test.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const SCENARIOS = 69
/** Shown by a measurement instead of a test. */
const MEASURED: Readonly<Record<number, string>> = { 24: 'test/bench/subjects/cni.ts' }

test('every scenario of the acceptance catalogue is named by a test', t => {
  const named = new Set<number>()
  for (const file of globSync('test/{unit,kernel,interop}/{cni,net}/*.test.ts', { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const [, list] of text.matchAll(/\((?:cni )?((?:\d+(?:\.\d+)?)(?:, \d+(?:\.\d+)?)*)\)(?:['`]|\\')/g)) for (const number of list!.split(', ')) named.add(Number(number))
  }
  const missing = Array.from({ length: SCENARIOS }, (_, index) => index + 1).filter(number => !named.has(number) && MEASURED[number] === undefined)
  t.deepEqual(missing, [])
  for (const [number, file] of Object.entries(MEASURED)) t.regex(readFileSync(join(ROOT, file), 'utf8'), new RegExp(`scenario ${number}\\b`))
})
