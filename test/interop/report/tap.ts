// Reads ava's TAP output: one row per test. Pure.

export type Row = Readonly<{ state: 'passed' | 'failed' | 'not run'; title: string; why: string }>

const WHY_LENGTH = 200

/** A skipped test carries its reason in brackets at the end of its title. */
export function rowsOf(tap: string): readonly Row[] {
  const lines = tap.split('\n')
  return lines.flatMap((line, index): readonly Row[] => {
    const match = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO).*)?$/.exec(line)
    if (match === null) return []
    const title = match[2]!.replace(/^\[[^\]]*\] /, '').replace(/ \(\d+(?:\.\d+)?m?s\)$/, '')
    if (match[3] !== undefined) {
      const [, what = title, why = ''] = /^(.*) \((?:skipped: )?(.*)\)$/.exec(title) ?? []
      return [{ state: 'not run', title: what, why }]
    }
    if (match[1] === undefined) return [{ state: 'passed', title, why: '' }]
    const why = lines.slice(index + 1, index + 30).find(candidate => /^\s+(?:message|values|at|formatted):/.test(candidate)) ?? ''
    return [{ state: 'failed', title, why: why.trim().slice(0, WHY_LENGTH) }]
  })
}
