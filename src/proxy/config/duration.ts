// Durations as Kubernetes' configuration files and flags write them: Go's time.ParseDuration ("30s", "1h30m", "500ms").

import { InputError } from '../../ops/errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const WHOLE = /^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/
const PART = /(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g

/** Milliseconds. Takes "0" without a unit, as Go does. */
export function parseDuration(value: unknown, field: string): number {
  if (value === '0' || value === 0) return 0
  if (typeof value !== 'string' || !WHOLE.test(value)) throw new InputError(field, value, 'is not a duration such as 30s, 1h30m or 500ms')
  let ms = 0
  for (const [, number, unit] of value.matchAll(PART)) ms += Number(number) * UNIT_MS[unit!]!
  const rounded = Math.round(ms * 1e6) / 1e6
  return value.startsWith('-') ? -rounded : rounded
}

/** "1h30m0s": the form that Go prints. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms % 1000 !== 0) return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`
  const seconds = ms / 1000
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}
