// Values as Go's flag package writes them: the programs that Weft stands in for take these.

import { InputError } from '../ops/errors.ts'

/** `--flag`, `--flag=true`, `--flag=false`: for commander's optional-value options. */
export const goBoolean = (flag: string) => (text: string | boolean): boolean => {
  if (typeof text === 'boolean') return text
  if (['true', 't', '1'].includes(text.toLowerCase())) return true
  if (['false', 'f', '0'].includes(text.toLowerCase())) return false
  throw new InputError(flag, text, 'is neither true nor false')
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** "1m30s", "500ms", "0" in milliseconds. */
export const goDuration = (flag: string) => (text: string): number => {
  if (text === '0') return 0
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) throw new InputError(flag, text, 'is not a duration such as 15s or 1m30s')
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_MS[unit!]!, 0)
}

/** A whole number of at least `least`. */
export const wholeNumber = (flag: string, least = 0) => (text: string): number => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least) throw new InputError(flag, text, `is not a whole number of at least ${least}`)
  return number
}

/** A number above zero. */
export const positiveNumber = (flag: string) => (text: string): number => {
  const number = Number(text)
  if (!(number > 0) || !Number.isFinite(number)) throw new InputError(flag, text, 'is not a number above zero')
  return number
}
