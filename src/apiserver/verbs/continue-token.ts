// The `continue` token of a paged list. Clients treat it as opaque; the form is kube-apiserver's
// (k8s.io/apiserver/pkg/storage/continue.go), so that a client can move between servers on one store.

import { badRequest } from '../../api/status/status.ts'

export type ContinueToken = Readonly<{
  /** The revision that all pages show; -1 means the newest at the time of each page. */
  revision: number
  /** The key of the last object delivered, below the resource's prefix. */
  lastKey: string
}>

const VERSION = 'meta.k8s.io/v1'

export const encodeContinue = ({ revision, lastKey }: ContinueToken): string =>
  Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start: `${lastKey}\0` })).toString('base64url')

/** Throws 400 when the text is no token. */
export function decodeContinue(text: string): ContinueToken {
  const bad = (why: string): Error => badRequest(`invalid continue token: continue key is not valid: ${why}`)
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw bad('illegal base64 data')
  let parsed: { v?: unknown; rv?: unknown; start?: unknown }
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString()) as typeof parsed
  } catch {
    throw bad('the token is no JSON')
  }
  if (parsed === null || typeof parsed !== 'object' || parsed.v !== VERSION) throw bad(`server does not recognize this encoded version ${String(parsed?.v)}`)
  const { rv, start } = parsed
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || (rv < 1 && rv !== -1)) throw bad(`incorrect encoded start resourceVersion (version ${VERSION})`)
  if (typeof start !== 'string' || start === '') throw bad(`encoded start key empty (version ${VERSION})`)
  if (start.split('/').includes('..')) throw bad(start)
  return { revision: rv, lastKey: start.endsWith('\0') ? start.slice(0, -1) : start }
}
