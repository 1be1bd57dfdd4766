// Reads the notation of messages.ts.

import { MESSAGES } from './messages.ts'
import { STORED_MESSAGES } from './stored-messages.ts'

export type MessageField = Readonly<{
  name: string
  /** 'string', 'i', 'b', 'y', 'd', or the name of a message. */
  type: string
  shape: 'single' | 'list' | 'map'
  /** Shown in JSON although zero: `always`, or once it is on the wire. */
  zero: 'drop' | 'present' | 'always'
}>

export type Message = Readonly<{ group: string; fields: ReadonlyMap<number, MessageField> }>

const FIELD = /^(\d*)([A-Za-z]\w*)(\?)?(!)?(\*)?(?::(map)(?::(\w+))?|:(\w+))?(\*)?$/

/** "core/v1 Service" -> message. */
const TABLE: ReadonlyMap<string, Message> = new Map([...Object.entries(STORED_MESSAGES), ...Object.entries(MESSAGES)].flatMap(([group, text]) =>
  [...text.matchAll(/^\s*(\w+)\{(.*)\}$/gm)].map(([, name, body]) => [`${group} ${name}`, { group, fields: readFields(body!) }] as const)))

/** The message of a name seen from a group; undefined when there is none. */
export const findMessage = (group: string, name: string): Message | undefined =>
  TABLE.get(`${group} ${name}`) ?? TABLE.get(`core/v1 ${name}`) ?? TABLE.get(`meta/v1 ${name}`)

/** The message of a kind, from its own group only; options kinds belong to meta/v1 but come with any apiVersion. */
export const messageOfKind = (apiVersion: string, kind: string): Message | undefined =>
  TABLE.get(`${apiVersion === 'v1' ? 'core/v1' : apiVersion} ${kind}`) ?? TABLE.get(`meta/v1 ${kind}`)

export const MESSAGE_NAMES: readonly string[] = [...TABLE.keys()]

function readFields(body: string): ReadonlyMap<number, MessageField> {
  const fields = new Map<number, MessageField>()
  let number = 0
  for (const word of body.split(/\s+/).filter(part => part !== '')) {
    const match = FIELD.exec(word)
    if (match === null) throw new SyntaxError(`not a field: ${word}`)
    const [, start, name, optional, always, starAfterName, map, mapValue, type, starAfterType] = match
    number = start === '' ? number + 1 : Number(start)
    fields.set(number, {
      name: name!,
      type: map === undefined ? type ?? 'string' : mapValue ?? 'string',
      shape: map !== undefined ? 'map' : starAfterName !== undefined || starAfterType !== undefined ? 'list' : 'single',
      zero: always !== undefined && optional === undefined ? 'always' : optional !== undefined ? 'present' : 'drop',
    })
  }
  return fields
}
