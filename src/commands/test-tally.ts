// Reads what an ava run reported. Its own summary leaves out how many tests passed when one failed, and the reasons
// of failures stand far above the end of a long log.

export type Outcome = Readonly<{
  /** Titles as ava prints them: the file's folders and name, then the test's own title, joined by " › ". */
  passed: readonly string[]
  /** As printed: the title, then perhaps the first words of the reason. */
  failed: readonly string[]
  /** Files that crashed, timed out or held no test, by path. */
  brokenFiles: readonly string[]
  /** Failures that no title and no file stands for: hooks, stray exceptions, hangs, an exit code without a word. */
  stray: number
  /** Ava's own account of the failures, as printed after the tests. Empty when nothing failed. */
  details: string
}>

export type Tally = Readonly<{ passed: number; failed: number }>

/** ava's default reporter, one line per test: figures 6 has ASCII stand-ins for terminals without Unicode. */
const PASSED_LINE = /^ +[✔√] (?!\[expected fail\])(.*?)(?: \([\d.]+m?s\))?$/
const FAILED_LINE = /^ +[✘×] \[fail\]: (.*)$/
const BROKEN_LINE = /^ *[✘×] (?!\[fail\]: )(\S+\.test\.ts)?/
/** Hooks, exceptions and hangs show in the summary only. */
const FAILED_SUMMARY = /^ +(\d+) (?:hooks? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/
/** The rule under which ava explains what failed. */
const DETAILS_RULE = /^ +─$/

/** Reads ava's output; a run that ended with an error counts at least one failure. */
export function readOutcome(output: string, exitCode: number): Outcome {
  const lines = output.split('\n')
  const matches = (pattern: RegExp): readonly (string | undefined)[] => lines.flatMap(line => {
    const match = pattern.exec(line)
    return match === null ? [] : [match[1]]
  })
  const passed = matches(PASSED_LINE).map(String)
  const failed = matches(FAILED_LINE).map(String)
  const broken = matches(BROKEN_LINE)
  const summed = matches(FAILED_SUMMARY).reduce((sum, count) => sum + Number(count), 0)
  const unnamed = broken.filter(path => path === undefined).length + summed
  const explained = failed.length + broken.length + summed
  const stray = unnamed + (explained === 0 && (exitCode !== 0 || passed.length === 0) ? 1 : 0)
  const rule = lines.findIndex(line => DETAILS_RULE.test(line))
  return {
    passed,
    failed,
    brokenFiles: broken.filter(path => path !== undefined),
    stray,
    details: explained + stray > 0 && rule >= 0 ? lines.slice(rule + 1).join('\n').trimEnd() : '',
  }
}

/**
 * The files to look at again after a run with failures, or nothing when a failure has no file: then no second run can
 * speak for the first. `files` are paths relative to the project, `test/<tier>/…`.
 */
export function filesOfFailures(outcome: Outcome, files: readonly string[]): readonly string[] | undefined {
  const found = new Set(outcome.brokenFiles)
  for (const title of outcome.failed) {
    // The test's own title may hold the separator as well: the longest file name that fits is the file.
    const candidates = files.filter(file => title.startsWith(`${titlePrefix(file)} › `))
    if (candidates.length === 0) return undefined
    found.add(candidates.reduce((longest, file) => (file.length > longest.length ? file : longest)))
  }
  // Exceptions and hangs are counted apart from the files they happened in; the files are broken or hold a failed test.
  return found.size === 0 ? undefined : [...found]
}

const titlePrefix = (file: string): string => file.replace(/^test\/[^/]+\//, '').replace(/\.test\.ts$/, '').split('/').join(' › ')

/**
 * What a run and the second run of some of its files say together: of those files the second run decides, and a test that
 * it does not show counts as failed. (Ava leaves file names out of titles when there is one file: only numbers compare.)
 */
export function afterSecondRun(first: Outcome, second: Outcome, files: readonly string[]): Tally {
  const again = (title: string): boolean => files.some(file => title.startsWith(`${titlePrefix(file)} › `))
  const expected = [...first.passed, ...first.failed].filter(again).length
  const missing = Math.max(0, expected - second.passed.length - second.failed.length)
  return { passed: first.passed.filter(title => !again(title)).length + second.passed.length, failed: failures(second) + missing }
}

export const failures = (outcome: Outcome): number => outcome.failed.length + outcome.brokenFiles.length + outcome.stray

export const tallyOf = (outcome: Outcome): Tally => ({ passed: outcome.passed.length, failed: failures(outcome) })

export const addTallies = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
  failed: tallies.reduce((sum, tally) => sum + tally.failed, 0),
})

export const formatTally = (tally: Tally): string => `${tally.passed} passed, ${tally.failed} failed`
