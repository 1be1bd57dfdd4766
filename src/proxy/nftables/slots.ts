// Which endpoint of a service port stands at which index. Indexes stay dense (0 to n-1), because a class chain draws one
// below the count; and endpoints keep theirs, because every index that changes is a kernel element rewritten.

/** Endpoint values (address . port) as text, by index. */
export type Slots = readonly string[]

/**
 * The slots for `wanted`, moving as little as possible: who stays keeps his index; newcomers fill the holes of those who
 * left; holes that remain are filled from the end. One endpoint more or less touches at most two indexes.
 */
export function assignSlots(before: Slots, wanted: readonly string[]): Slots {
  const missing = new Set(wanted)
  const slots: (string | undefined)[] = before.map(endpoint => (missing.delete(endpoint) ? endpoint : undefined))
  const newcomers = missing.values()
  for (let index = 0; index < slots.length; index += 1) slots[index] ??= newcomers.next().value
  slots.push(...newcomers)
  for (let hole = 0, end = slots.length - 1; ; hole += 1) {
    while (end >= 0 && slots[end] === undefined) end -= 1
    slots.length = end + 1
    while (hole < end && slots[hole] !== undefined) hole += 1
    if (hole >= end) return slots as string[]
    slots[hole] = slots[end]
    slots[end] = undefined
  }
}
