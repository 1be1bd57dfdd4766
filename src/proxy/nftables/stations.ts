// The elements that hold an entry's endpoints by index, and what of them changes when its slots change: the work is one
// comparison per slot, the elements are those of the indexes that differ.
//
// An entry's endpoints stand once per frontend and view ("station"), or, when clients stick, once per view.

import type { ElementDifference } from './element-change.ts'
import { frontendKind, keyOf, viewsOf, type EntryElement, type PlacedEntry } from './entry-elements.ts'
import { endpointKey, keyBytes, keyText, registerNumber, type View } from './keys.ts'
import type { SetName } from './sets.ts'

type Station = Readonly<{ set: SetName; owner: Uint8Array; view: View }>

function stationsOf({ entry, stickiness }: PlacedEntry): readonly Station[] {
  if (stickiness !== undefined) {
    const owner = registerNumber(stickiness.service)
    return [{ set: 'sticky-endpoints', owner, view: 'cluster' }, { set: 'sticky-endpoints', owner, view: 'local' }]
  }
  return entry.frontends.flatMap(frontend => {
    const set = frontendKind(frontend) === 'node-port' ? 'node-port-endpoints' : 'endpoints'
    return viewsOf(entry, frontend).map((view): Station => ({ set, owner: keyOf(frontend), view }))
  })
}

/** Every element of the entry's stations. */
export function* stationElements(placed: PlacedEntry): Generator<EntryElement> {
  for (const station of stationsOf(placed)) {
    for (const [index, endpoint] of placed.slots[station.view].entries()) yield element(placed, station, index, endpoint)
  }
}

export function diffStations(before: PlacedEntry | undefined, after: PlacedEntry | undefined): ElementDifference {
  const remove: EntryElement[] = []
  const add: EntryElement[] = []
  const old = new Map((before === undefined ? [] : stationsOf(before)).map(station => [identity(station), station]))
  for (const station of after === undefined ? [] : stationsOf(after)) {
    const was = old.delete(identity(station)) ? before!.slots[station.view] : []
    const is = after!.slots[station.view]
    for (let index = 0; index < Math.max(was.length, is.length); index += 1) {
      const [gone, come] = [was[index], is[index]]
      // A sticky endpoint that left and came back has another number.
      if (gone === come && sameNumber(before, after!, come)) continue
      if (gone !== undefined) remove.push(element(before!, station, index, gone))
      if (come !== undefined) add.push(element(after!, station, index, come))
    }
  }
  for (const station of old.values()) before!.slots[station.view].forEach((endpoint, index) => remove.push(element(before!, station, index, endpoint)))
  return { remove, add }
}

const identity = (station: Station): string => `${station.set} ${station.view} ${keyText(station.owner)}`

const sameNumber = (before: PlacedEntry | undefined, after: PlacedEntry, endpoint: string | undefined): boolean =>
  endpoint === undefined || before?.stickiness?.endpoints.get(endpoint) === after.stickiness?.endpoints.get(endpoint)

const element = ({ stickiness }: PlacedEntry, { set, owner, view }: Station, index: number, endpoint: string): EntryElement => ({
  set,
  key: endpointKey(owner, view, index),
  data: stickiness === undefined ? keyBytes(endpoint) : registerNumber(stickiness.endpoints.get(endpoint)!),
})
