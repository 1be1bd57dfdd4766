// A run as a Markdown page: machine, figures, goals.

import type { Figure, Result } from '../figure.ts'
import type { Machine } from '../machine.ts'
import { median, summarize } from '../statistics.ts'
import type { Verdict } from '../verdict.ts'
import { short } from './number.ts'

export type Report = Readonly<{ command: string; date: string; machine: Machine; results: readonly Result[]; verdicts: readonly Verdict[] }>

/** The page for one subject; `plots` maps a series' key to its file beside the page. */
export function formatPage(report: Report, result: Result, plots: ReadonlyMap<string, string>): string {
  const { machine } = report
  const verdicts = report.verdicts.filter(verdict => verdict.goal.subject === result.subject)
  return [
    `# Benchmark: ${result.subject}`,
    `Made by \`${report.command}\` on ${report.date}. Samples of both sides were taken in turn in this run.`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}, ${machine.iptables}, ${machine.nft}.`,
    figureTable(result.figures),
    ...result.series.map(series => `![${series.what}](${plots.get(series.key) ?? ''})`),
    ...(result.skips.length === 0 ? [] : [`## Not measured\n\n${result.skips.map(skip => `- ${skip.key}: ${skip.reason}`).join('\n')}`]),
    ...(verdicts.length === 0 ? [] : [`## Goals\n\n${verdictTable(verdicts)}`]),
  ].join('\n\n').concat('\n')
}

function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(figure => {
    const own = summarize(figure.weft)
    const peer = figure.peer === undefined || figure.peer.length === 0 ? undefined : summarize(figure.peer)
    const ratio = peer === undefined ? '' : short(median(figure.weft) / median(figure.peer!))
    const note = figure.note === undefined ? '' : ` (${figure.note})`
    const cell = (s: typeof own): string => `${short(s.p50)} [${short(s.min)}–${short(s.max)}], p99 ${short(s.p99)}, n ${s.n}`
    return `| ${figure.what}${note} | ${figure.unit} | ${cell(own)} | ${peer === undefined ? '–' : `${cell(peer)} (${figure.peerName})`} | ${ratio} |`
  })
  return ['| what | unit | Weft: median [min–max] | beside: median [min–max] | ratio |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ goal, state, figure, peer, ratio, reason }) => {
    const number = (value: number | undefined): string => (value === undefined ? '–' : short(value))
    return `| ${state} | ${goal.subject} | ${goal.says} | ${number(figure)} | ${number(peer)} | ${number(ratio)} | ${reason ?? ''} |`
  })
  return ['| state | subject | goal | figure | peer | ratio | why |', '| --- | --- | --- | --- | --- | --- | --- |', ...rows].join('\n')
}
