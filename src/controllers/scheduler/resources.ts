// Amounts of resources as numbers. Grammar: k8s.io/apimachinery/pkg/api/resource (quantity). Pure.

export type Requests = Readonly<Record<string, number>>

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}

/** "250m" is 0.25, "1Gi" 1073741824, "1e3" 1000; undefined when it is no quantity. */
export function parseQuantity(text: string | number): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(String(text))
  if (match === null) return undefined
  return match[2] !== undefined ? Number(`${match[1]}${match[2]}`) : Number(match[1]) * SUFFIXES[match[3] ?? '']!
}

/** Quantities that cannot be read are left out: validation has refused them where it matters. */
export function requestsOf(quantities: Readonly<Record<string, string>> | undefined): Requests {
  const result: Record<string, number> = {}
  for (const [resource, text] of Object.entries(quantities ?? {})) {
    const amount = parseQuantity(text)
    if (amount !== undefined) result[resource] = amount
  }
  return result
}
