// Order of resource versions. Opaque to most clients, but decimal numbers of one global counter
// (API server specification 3.3; KEP-5504 makes that a promise).

/** Negative when `a` is older than `b`. */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
