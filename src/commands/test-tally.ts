// Counts what an ava run reported. Its own summary leaves out how many tests passed when one failed.

export type Tally = Readonly<{ passed: number; failed: number }>

/** ava's default reporter, one line per test: figures 6 has ASCII stand-ins for terminals without Unicode. */
const PASSED_LINE = /^ +[✔√] (?!\[expected fail\])/
/** A failed test, or a file that crashed, timed out or held no test. */
const FAILED_LINE = /^ *[✘×] /
/** Hooks, exceptions and hangs show in the summary only. */
const FAILED_SUMMARY = /^ +(\d+) (?:hooks? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/

/** Reads ava's output; a run that ended with an error counts at least one failure. */
export function readTally(output: string, exitCode: number): Tally {
  const lines = output.split('\n')
  const passed = lines.filter(line => PASSED_LINE.test(line)).length
  const listed = lines.filter(line => FAILED_LINE.test(line)).length
  const summed = lines.reduce((sum, line) => sum + Number(FAILED_SUMMARY.exec(line)?.[1] ?? 0), 0)
  const nothingRan = passed + listed + summed === 0
  return { passed, failed: Math.max(listed + summed, exitCode === 0 && !nothingRan ? 0 : 1) }
}

export const addTallies = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
  failed: tallies.reduce((sum, tally) => sum + tally.failed, 0),
})

export const formatTally = (tally: Tally): string => `${tally.passed} passed, ${tally.failed} failed`
