// Quantities in the one form that upstream writes: no fraction, the largest suffix that keeps the number whole, in the
// family (binary, decimal, exponent) that was given. So "0.5" cpu reads "500m" and "1024Mi" reads "1Gi".

import { parseQuantity } from './quantity.ts'

const NANO = 1_000_000_000n
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const
const DECIMAL = [['E', 18], ['P', 15], ['T', 12], ['G', 9], ['M', 6], ['k', 3], ['', 0], ['m', -3], ['u', -6], ['n', -9]] as const

/** The canonical text; what is no quantity is left as it is. */
export function canonicalQuantity(text: string): string {
  const nanos = parseQuantity(text)
  if (nanos === undefined) return text
  if (nanos === 0n) return '0'
  if (/[KMGTPE]i$/.test(text)) return binary(nanos)
  return decimal(nanos, /[eE][+-]?\d+$/.test(text) && !/E$/.test(text))
}

/** Below 1024, and where a part of a unit is left over, binary quantities read like decimal ones. */
function binary(nanos: bigint): string {
  if (nanos % NANO !== 0n) return decimal(nanos, false)
  let value = nanos / NANO
  let unit = 0
  while (value !== 0n && value % 1024n === 0n && unit < BINARY.length - 1) {
    value /= 1024n
    unit += 1
  }
  return `${value}${BINARY[unit]}`
}

function decimal(nanos: bigint, asExponent: boolean): string {
  for (const [suffix, power] of DECIMAL) {
    const unit = 10n ** BigInt(power + 9)
    if (nanos % unit === 0n) return `${nanos / unit}${asExponent ? (power === 0 ? '' : `e${power}`) : suffix}`
  }
  return `${nanos}n`
}
