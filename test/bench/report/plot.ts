// A series as an SVG line plot with logarithmic axes: growth shows as slope.

import type { Series } from '../figure.ts'
import { short } from './number.ts'

const WIDTH = 640
const HEIGHT = 400
const MARGIN = { left: 70, right: 150, top: 40, bottom: 50 }
const COLOURS = ['#0b6e4f', '#c1292e', '#235789', '#8d6a9f']

/** Draws `series`; points with a coordinate of zero or less cannot stand on a logarithmic axis and are left out. */
export function plot(series: Series): string {
  const lines = series.lines.map(line => ({ ...line, points: line.points.filter(p => p.x > 0 && p.y > 0) }))
  const points = lines.flatMap(line => line.points)
  const x = axis(points.map(p => p.x), MARGIN.left, WIDTH - MARGIN.right)
  const y = axis(points.map(p => p.y), HEIGHT - MARGIN.bottom, MARGIN.top)
  const ticks = [
    ...x.ticks.map(v => `<line x1="${x.at(v)}" x2="${x.at(v)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="#ddd"/><text x="${x.at(v)}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${short(v)}</text>`),
    ...y.ticks.map(v => `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y.at(v)}" y2="${y.at(v)}" stroke="#ddd"/><text x="${MARGIN.left - 6}" y="${y.at(v) + 4}" text-anchor="end">${short(v)}</text>`),
  ]
  const drawn = lines.map((line, index) => {
    const colour = COLOURS[index % COLOURS.length]!
    const path = line.points.map((p, i) => `${i === 0 ? 'M' : 'L'}${x.at(p.x)},${y.at(p.y)}`).join(' ')
    const dots = line.points.map(p => `<circle cx="${x.at(p.x)}" cy="${y.at(p.y)}" r="3" fill="${colour}"/>`).join('')
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}<text x="${WIDTH - MARGIN.right + 10}" y="${MARGIN.top + 18 * (index + 1)}" fill="${colour}">${escape(line.name)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="14">${escape(series.what)}</text>`,
    ...ticks,
    ...drawn,
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escape(series.xName)}</text>`,
    `<text transform="translate(16 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escape(series.yName)}</text>`,
    '</svg>',
    '',
  ].join('\n')
}

/** A logarithmic axis over whole decades, with one tick per decade. */
function axis(values: readonly number[], from: number, to: number): { at: (value: number) => number; ticks: readonly number[] } {
  const low = values.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...values)))
  const high = values.length === 0 ? 1 : Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    at: value => Math.round(from + ((Math.log10(value) - low) / (high - low)) * (to - from)),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  }
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
