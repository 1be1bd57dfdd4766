// Numbers for service ports with session affinity and for their endpoints. An endpoint's number is its service port's with
// the low half filled in, so that a rule gets one from the other with a mask.

import type { Slots } from './slots.ts'

/** What of an endpoint's number is its service port's. */
export const STICKY_SERVICE_MASK = 0xffff_0000
const ENDPOINT_MASK = 0xffff

export type Stickiness = Readonly<{
  /** The service port's number: low half zero. */
  service: number
  /** The endpoints' numbers by endpoint text (address . port). */
  endpoints: ReadonlyMap<string, number>
  /** Low half of the last number given: the next one starts behind it, so that a number rests before it is used again. */
  last: number
}>

export const newStickiness = (service: number): Stickiness => ({ service, endpoints: new Map(), last: 0 })

/** Keeps the numbers of who stays, gives fresh ones to newcomers. Throws when a service port has more than 65,535 endpoints. */
export function numberEndpoints(before: Stickiness, ...views: readonly Slots[]): Stickiness {
  const wanted = new Set(views.flat())
  if (wanted.size > ENDPOINT_MASK) throw new RangeError(`session affinity over ${wanted.size} endpoints: at most ${ENDPOINT_MASK} can be told apart`)
  const endpoints = new Map([...before.endpoints].filter(([endpoint]) => wanted.has(endpoint)))
  const taken = new Set(endpoints.values())
  let { last } = before
  for (const endpoint of wanted) {
    if (endpoints.has(endpoint)) continue
    do last = (last % ENDPOINT_MASK) + 1
    while (taken.has(before.service + last))
    endpoints.set(endpoint, before.service + last)
    taken.add(before.service + last)
  }
  return { service: before.service, endpoints, last }
}

/**
 * Hands out service port numbers, each behind the last: a number rests before it is used again, so that a Service which is
 * deleted and made anew does not find the clients of the old one remembered.
 */
export class ServiceNumbers {
  readonly #taken = new Set<number>()
  /** In use in the kernel by service ports that have not come yet. */
  readonly #reserved: ReadonlySet<number>
  /** High half of the last number given. */
  #last: number

  constructor(reserved: Iterable<number>) {
    this.#reserved = new Set(reserved)
    this.#last = Math.max(0, ...this.#reserved) / (ENDPOINT_MASK + 1)
  }

  /** Takes `preferred`, the number that the service port had, unless somebody else has it. Throws when 65,535 are taken. */
  take(preferred?: number): number {
    const number = preferred !== undefined && !this.#taken.has(preferred) ? preferred : this.#nextFree()
    this.#taken.add(number)
    return number
  }

  release(number: number): void {
    this.#taken.delete(number)
  }

  #nextFree(): number {
    for (let tries = 0; tries < ENDPOINT_MASK; tries += 1) {
      this.#last = (this.#last % ENDPOINT_MASK) + 1
      const number = this.#last * (ENDPOINT_MASK + 1)
      if (!this.#taken.has(number) && !this.#reserved.has(number)) return number
    }
    throw new RangeError(`more than ${ENDPOINT_MASK} service ports with session affinity`)
  }
}
