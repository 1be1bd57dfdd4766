// Resource quantities: "100m", "1.5Gi", "1e3" (k8s.io/apimachinery/pkg/api/resource). Compared exactly, in nanounits.

const BINARY: Readonly<Record<string, bigint>> = { Ki: 1n << 10n, Mi: 1n << 20n, Gi: 1n << 30n, Ti: 1n << 40n, Pi: 1n << 50n, Ei: 1n << 60n }
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const QUANTITY = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))$/
const NANO_DIGITS = 9

export const QUANTITY_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/** The value in 10⁻⁹ units, smaller parts rounded up as upstream does; undefined for what is no quantity. */
export function parseQuantity(value: unknown): bigint | undefined {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') return undefined
  const match = QUANTITY.exec(text)
  if (match === null) return undefined
  const [, sign, digits, exponent, suffix = ''] = match as unknown as [string, string, string, string | undefined, string | undefined]
  const [whole = '', fraction = ''] = digits.split('.')
  const binary = BINARY[suffix]
  const power = NANO_DIGITS + (exponent === undefined ? DECIMAL[suffix] ?? 0 : Number(exponent.slice(1))) - fraction.length
  const number = BigInt(`${whole}${fraction}` || '0') * (binary ?? 1n)
  const scaled = power >= 0 ? number * 10n ** BigInt(power) : ceilDivide(number, 10n ** BigInt(-power))
  return sign === '-' ? -scaled : scaled
}

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
