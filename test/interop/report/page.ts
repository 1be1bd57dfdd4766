// docs/compatibility.md as text. Pure.

import type { Row } from './tap.ts'

export type Section = Readonly<{ suite: string; date: string; rows: readonly Row[] }>

/** Sections of one suite become one table. */
export function formatPage(sections: readonly Section[], peers: string): string {
  const rows = sections.flatMap(section => section.rows)
  const count = (state: Row['state']): number => rows.filter(row => row.state === state).length
  const dates = [...new Set(sections.map(({ date }) => date).filter(date => date !== ''))].sort()
  const tables = [...Map.groupBy(sections, ({ suite }) => suite)].map(([suite, pieces]) => [
    `## ${suite.replace(/^test\/(?:interop\/)?/, '').replace(/\.test\.ts$/, '')}`,
    ['| result | what | why |', '| --- | --- | --- |', ...pieces.flatMap(piece => piece.rows).map(row => `| ${row.state} | ${cell(row.title)} | ${cell(row.why)} |`)].join('\n'),
  ].join('\n\n'))
  return [
    '# Compatibility',
    'Written by `npm run test:interop`: every row is a real run of the real programs in namespaces of its own. Which behaviours that upstream’s own tests ask for are covered stands in [upstream-behaviours.md](upstream-behaviours.md).',
    `${count('passed')} passed, ${count('failed')} failed, ${count('not run')} not run. ${dates.length === 1 ? 'Date' : 'Dates'}: ${dates.join(', ')}.`,
    peers,
    ...tables,
  ].join('\n\n').concat('\n')
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
