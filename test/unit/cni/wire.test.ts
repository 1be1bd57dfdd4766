// Frames, queue entries and the shim's fixed answers: both ends of the wire say the same.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { CNI_VERSIONS } from '../../../cni/plugin/version.ts'
import { parseQueueEntry } from '../../../cni/plugin/queue/queue-entry.ts'
import { FRAME_HEADER_BYTES, FrameError, formatFrame, parseFields, parseHeader, REPLY_TAG, REQUEST_TAG } from '../../../cni/plugin/wire/frame.ts'
import { readRequest } from '../../../cni/plugin/wire/raw-request.ts'

const shim = (name: string): string => readFileSync(join(import.meta.dirname, '..', '..', '..', 'cni', 'shim', name), 'utf8')

test('a frame is read back as it was written', t => {
  const fields = fc.array(fc.record({ tag: fc.integer({ min: 0, max: 65535 }), bytes: fc.uint8Array({ maxLength: 200 }) }), { maxLength: 20 })
  fc.assert(fc.property(fields, list => {
    const frame = formatFrame(list)
    const header = parseHeader(frame)
    t.deepEqual(parseFields(frame.subarray(FRAME_HEADER_BYTES), header.fieldCount).map(({ tag, bytes }) => ({ tag, bytes: [...bytes] })), list.map(({ tag, bytes }) => ({ tag, bytes: [...bytes] })))
  }))
})

test('bytes that are no frame raise FrameError and nothing else (62)', t => {
  const valid = formatFrame([{ tag: 1, bytes: Buffer.from('ADD') }, { tag: 9, bytes: Buffer.alloc(16) }])
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat({ max: valid.length }), (flips, length) => {
    const bytes = Buffer.from(valid)
    for (const [at, value] of flips) bytes[at] = value
    try {
      const cut = bytes.subarray(0, length)
      const header = parseHeader(cut)
      readRequest(parseFields(cut.subarray(FRAME_HEADER_BYTES), header.fieldCount))
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
    }
  }), { numRuns: 2000 })
  t.throws(() => parseHeader(formatFrame([]).fill(0xff, 8, 12)), { instanceOf: FrameError, message: /claims/ })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
    try {
      parseQueueEntry(Buffer.from(bytes))
      return false
    } catch (error) {
      return error instanceof FrameError
    }
  }))
})

test('both ends know the same tags', t => {
  const tags = (prefix: string): Record<string, number> =>
    Object.fromEntries([...shim('frame.h').matchAll(new RegExp(`\\b${prefix}_(\\w+) = (\\d+),`, 'g'))].map(match => [match[1]!, Number(match[2])]))
  t.deepEqual(tags('TAG'), { ...REQUEST_TAG })
  t.deepEqual(tags('REPLY'), { ...REPLY_TAG })
})

test('the shim answers VERSION with the versions that the agent speaks, and its fixed answers are JSON', t => {
  const answers = new Map([...shim('answers.h').matchAll(/#define (ANSWER_\w+) \\?\s*"((?:[^"\\]|\\.)*)"/g)].map(match => [match[1]!, JSON.parse(`"${match[2]}"`) as string]))
  t.deepEqual(JSON.parse(answers.get('ANSWER_VERSION')!), { cniVersion: CNI_VERSIONS.at(-1), supportedVersions: [...CNI_VERSIONS] })
  t.true(answers.get('ANSWER_ABOUT')!.includes(CNI_VERSIONS.join(', ')))
  for (const [name, text] of answers) if (name !== 'ANSWER_ABOUT') t.is(typeof JSON.parse(text), 'object', name)
})
