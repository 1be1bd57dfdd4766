// Lists that are kept for long, without room to grow.

const NONE: readonly never[] = []

/**
 * The same list in no more memory than it needs. What `filter`, `flatMap` and `push` make has room for 17 items when it
 * holds one (JSObject::NewElementsCapacity in V8), and every service keeps several such lists.
 */
export const packed = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list.slice())
