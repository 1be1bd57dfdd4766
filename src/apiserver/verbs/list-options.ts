// The parameters of lists and watches, and which state of the store they ask for.

import { invalidObject, futureResourceVersion, badRequest } from '../../api/status/status.ts'
import { forbidden, formatFieldError, invalid, notSupported, type FieldError } from '../../api/status/field-error.ts'
import type { Store } from '../../store/store.ts'

export type ListOptions = Readonly<{
  /** Undefined where the parameter is absent or empty. */
  resourceVersion: number | undefined
  resourceVersionMatch: 'Exact' | 'NotOlderThan' | undefined
  /** 0 means no limit. */
  limit: number
  continueToken: string
  timeoutSeconds: number | undefined
  allowWatchBookmarks: boolean
  sendInitialEvents: boolean | undefined
}>

const LIST_OPTIONS = { group: 'meta.k8s.io', kind: 'ListOptions' } as const
/** How long a list waits for a revision that the store has not reached (k8s.io/apiserver cacher: 3 s). */
const FUTURE_WAIT_MS = 3_000
const FUTURE_POLL_MS = 20

/** Parses and cross-checks. Throws 422 of kind ListOptions for parameters that do not go together, 400 for malformed ones. */
export function parseListOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const errors: FieldError[] = []
  const options: ListOptions = {
    resourceVersion: parseResourceVersion(query.get('resourceVersion') ?? '', watch ? '' : 'invalid resource version: '),
    resourceVersionMatch: (query.get('resourceVersionMatch') || undefined) as ListOptions['resourceVersionMatch'],
    limit: Math.max(0, integer(query, 'limit') ?? 0),
    continueToken: query.get('continue') ?? '',
    timeoutSeconds: integer(query, 'timeoutSeconds'),
    allowWatchBookmarks: boolean(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: boolean(query, 'sendInitialEvents'),
  }
  errors.push(...(watch ? checkWatch(options) : checkList(options, query.get('resourceVersion') ?? '')))
  if (errors.length > 0) throw invalidObject(LIST_OPTIONS, '', errors)
  return options
}

function checkList({ resourceVersionMatch: match, continueToken, sendInitialEvents, resourceVersion }: ListOptions, rv: string): FieldError[] {
  const errors: FieldError[] = []
  if (sendInitialEvents !== undefined) errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  if (match !== undefined) {
    if (rv === '') errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
    if (continueToken !== '') errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']))
    if (match === 'Exact' && resourceVersion === 0) errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  }
  if (continueToken !== '' && rv !== '' && resourceVersion !== 0) throw badRequest('specifying resource version is not allowed when using continue')
  return errors
}

function checkWatch({ resourceVersionMatch: match, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = []
  if (sendInitialEvents !== undefined) {
    if (match !== 'NotOlderThan') errors.push(forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
    if (match !== undefined && match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']))
  } else if (match !== undefined) {
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'))
  }
  return errors
}

/** Throws 400, as upstream does for lists; its 500 for watches and single objects would be logged as a failure of the server. */
function parseResourceVersion(text: string, prefix: string): number | undefined {
  if (text === '') return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw badRequest(`${prefix}${formatFieldError(invalid('resourceVersion', text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`))}`)
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^[+-]?\d{1,18}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

/** As upstream's query conversion reads booleans: present but empty, "1", "t", "true" are true; anything that is not false is true. */
export function boolean(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name)
  return text === null ? undefined : !['false', '0', 'False', 'FALSE', 'f', 'F'].includes(text)
}

/** Waits a little for a stated resourceVersion to be reached. Throws 400 when it is no number, 504 when it does not come. */
export async function waitForRevision({ objects }: { objects: { store: Store } }, resourceVersion: string, signal: AbortSignal): Promise<void> {
  const wanted = parseResourceVersion(resourceVersion, '')
  if (wanted !== undefined) await reachRevision(objects.store, wanted, signal)
}

/** The store's revision, once it is at least `wanted`. Throws 504 after three seconds. */
export async function reachRevision(store: Store, wanted: number, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + FUTURE_WAIT_MS
  for (;;) {
    const revision = await store.revision({ signal })
    if (revision >= wanted) return revision
    if (performance.now() > deadline) throw futureResourceVersion(String(wanted), String(revision))
    await new Promise(resolve => setTimeout(resolve, FUTURE_POLL_MS))
    signal.throwIfAborted()
  }
}
