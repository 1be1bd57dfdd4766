// The difference between two lists of elements, as kernel changes.

import type { Change, Element } from '../../net/nfnetlink/objects.ts'
import type { ElementText } from '../../net/nfnetlink/scan-elements.ts'
import type { Verdict } from '../../net/nfnetlink/data.ts'
import { tableOf, type SetName } from './sets.ts'
import type { EntryElement } from './entry-elements.ts'
import { keyBytes, keyText } from './keys.ts'
import type { Family } from '../../net/ip/address.ts'

export type ElementDifference = Readonly<{ remove: readonly EntryElement[]; add: readonly EntryElement[] }>

const INTERVAL_END = 'end'

/** Tells elements of one set apart: the key, and behind it the end of a range, or that it ends one. */
export const elementText = (element: Readonly<{ key: Uint8Array; keyEnd?: Uint8Array; intervalEnd?: boolean }>): string =>
  element.keyEnd !== undefined ? keyText(element.key) + keyText(element.keyEnd) : element.intervalEnd === true ? keyText(element.key) + INTERVAL_END : keyText(element.key)

/** The same of an element that was read. */
export const scannedText = ({ key, keyEnd, intervalEnd }: ElementText): string =>
  keyEnd !== undefined ? key + keyEnd : intervalEnd ? key + INTERVAL_END : key

/** What the kernel needs to find the element that `text` tells apart, in a set whose keys have `bytes` bytes. */
export function identityOfText(text: string, bytes: number): Element {
  const rest = text.slice(bytes)
  const key = keyBytes(text.slice(0, bytes))
  return rest === '' ? { key } : rest === INTERVAL_END ? { key, intervalEnd: true } : { key, keyEnd: keyBytes(rest) }
}

/** What the kernel needs to find an element. */
export const identityOf = ({ key, keyEnd, intervalEnd }: Element): Element => ({
  key,
  ...(keyEnd === undefined ? {} : { keyEnd }),
  ...(intervalEnd === undefined ? {} : { intervalEnd }),
})

const dataText = (data: Uint8Array | string | Verdict | undefined): string =>
  data === undefined ? '' : typeof data === 'string' ? data : 'kind' in data ? `${data.kind} ${'chain' in data ? data.chain : ''}` : keyText(data)

/** What an element holds. Data of one set are of one length, so that a comment behind them is told from them. */
export const contentText = ({ data, comment }: Pick<EntryElement, 'data' | 'comment'> | ElementText): string =>
  comment === undefined ? dataText(data) : dataText(data) + comment

/** An element whose data changed is removed and added: the kernel has no way to change one in place. */
export function diffElements(before: readonly EntryElement[], after: readonly EntryElement[]): ElementDifference {
  const identity = (element: EntryElement): string => `${element.set} ${elementText(element)}`
  const old = new Map(before.map(element => [identity(element), element]))
  const add: EntryElement[] = []
  for (const element of after) {
    const id = identity(element)
    const previous = old.get(id)
    if (previous !== undefined && contentText(previous) === contentText(element)) old.delete(id)
    else add.push(element)
  }
  return { remove: [...old.values()], add }
}

/** Changes by set: removals first, so that an element with new data takes the place of the old one within the batch. */
export function elementChanges(family: Family, difference: ElementDifference): readonly Change[] {
  return [
    ...bySet(difference.remove).map(([set, elements]): Change => ({
      kind: 'delete-elements', in: { ...tableOf(family), set }, elements: elements.map(identityOf),
    })),
    ...bySet(difference.add).map(([set, elements]): Change => ({ kind: 'add-elements', in: { ...tableOf(family), set }, elements: elements.map(kernelElement) })),
  ]
}

export const kernelElement = ({ data, comment, ...element }: EntryElement): Element => ({
  ...identityOf(element),
  ...(data === undefined ? {} : { data }),
  ...(comment === undefined ? {} : { comment }),
})

function bySet(elements: readonly EntryElement[]): readonly (readonly [SetName, readonly EntryElement[]])[] {
  const groups = new Map<SetName, EntryElement[]>()
  for (const element of elements) {
    const group = groups.get(element.set)
    if (group === undefined) groups.set(element.set, [element])
    else group.push(element)
  }
  return [...groups]
}
