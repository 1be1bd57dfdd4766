// Ages as kubectl shows them (k8s.io/apimachinery/pkg/util/duration.HumanDuration).

/** A length of time: "90s", "5m30s", "3h", "2d5h", "1y100d". */
export function formatDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`

/** The age of a time stamp; `<unknown>` without one. */
export function formatAge(time: string | null | undefined, nowMs: number): string {
  const then = time === null || time === undefined || time === '' ? Number.NaN : Date.parse(time)
  return Number.isNaN(then) ? '<unknown>' : formatDuration(nowMs - then)
}
