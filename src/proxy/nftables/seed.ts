// What the kernel remembers from before: where endpoints stand and which numbers they have, so that a restarted proxy lets
// both be, and clients stay with their endpoints.

import type { ServiceEntry } from '../service-table/entry.ts'
import { keyOf, NO_SLOTS, type EntrySlots } from './entry-elements.ts'
import { keyText, lastNumber, registerNumber, VIEW_OFFSET, type View } from './keys.ts'
import type { KernelElements } from './plan-resync.ts'
import type { Memory } from './ruleset.ts'
import { STICKY_SERVICE_MASK } from './stickiness.ts'

/** What `elements` tell. */
export function memoryOf(elements: KernelElements): Memory {
  const plain = { address: slotsByOwner(elements.get('endpoints')), 'node-port': slotsByOwner(elements.get('node-port-endpoints')) }
  const sticky = slotsByOwner(elements.get('sticky-endpoints'))
  const numbers = new Map([...(elements.get('sticky-services') ?? [])].map(([key, number]) => [key, lastNumber(number)]))
  const addresses = elements.get('sticky-addresses') ?? new Map<string, string>()
  const endpointsOf = Map.groupBy(addresses, ([number]) => (lastNumber(number) & STICKY_SERVICE_MASK) >>> 0)
  const seed: Memory['seed'] = entry => {
    if (entry.port.affinityTimeoutSeconds === undefined) return { slots: longest(entry, plain), stickiness: undefined }
    const service = entry.frontends.map(frontend => numbers.get(keyText(keyOf(frontend)))).find(number => number !== undefined)
    if (service === undefined) return { slots: NO_SLOTS, stickiness: undefined }
    const known = sticky.get(keyText(registerNumber(service))) ?? NO_SLOTS
    const resolve = (slots: readonly string[]): readonly string[] => dense(Array.from(slots, number => addresses.get(number)))
    const endpoints = new Map((endpointsOf.get(service) ?? []).map(([number, endpoint]) => [endpoint, lastNumber(number)]))
    const last = Math.max(0, ...[...endpoints.values()].map(number => number & ~STICKY_SERVICE_MASK))
    return { slots: { cluster: resolve(known.cluster), local: resolve(known.local) }, stickiness: { service, endpoints, last } }
  }
  const classes = new Map([...(elements.get('classes') ?? [])].map(([number, verdict]) => [verdict.slice(verdict.indexOf(' ') + 1), lastNumber(number)]))
  return { seed, numbers: [...new Set(numbers.values())], classes }
}

/** All frontends of an entry hold the same endpoints in the same order; one that was cut short in the making knows less. */
function longest(entry: ServiceEntry, plain: Readonly<Record<'address' | 'node-port', ReadonlyMap<string, EntrySlots>>>): EntrySlots {
  const known = entry.frontends.map(frontend => plain[frontend.kind === 'node-port' ? 'node-port' : 'address'].get(keyText(keyOf(frontend))) ?? NO_SLOTS)
  const pick = (view: View): readonly string[] => known.map(slots => slots[view]).reduce((best, slots) => (slots.length > best.length ? slots : best), [])
  return { cluster: pick('cluster'), local: pick('local') }
}

/** Elements `owner . index -> value` as dense lists by owner. */
function slotsByOwner(elements: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, EntrySlots> {
  const found = new Map<string, Record<View, string[]>>()
  for (const [key, endpoint] of elements) {
    const number = lastNumber(key)
    const view: View = number >= VIEW_OFFSET.local ? 'local' : 'cluster'
    const index = number - VIEW_OFFSET[view]
    // Somebody's invention: a dense list has no index beyond the number of elements.
    if (index >= elements.size) continue
    const owner = key.slice(0, -4)
    let slots = found.get(owner)
    if (slots === undefined) found.set(owner, (slots = { cluster: [], local: [] }))
    slots[view][index] = endpoint
  }
  return new Map([...found].map(([owner, slots]) => [owner, { cluster: dense(slots.cluster), local: dense(slots.local) }]))
}

/** Up to the first hole. */
function dense(slots: readonly (string | undefined)[]): readonly string[] {
  const hole = Array.from(slots).findIndex(slot => slot === undefined)
  return (hole === -1 ? slots : slots.slice(0, hole)) as readonly string[]
}
