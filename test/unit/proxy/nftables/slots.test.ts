import test from 'ava'
import fc from 'fast-check'
import { mergeRanges } from '../../../../src/proxy/nftables/source-ranges.ts'
import { assignSlots } from '../../../../src/proxy/nftables/slots.ts'
import { newStickiness, numberEndpoints, ServiceNumbers, STICKY_SERVICE_MASK } from '../../../../src/proxy/nftables/stickiness.ts'
import { Counted } from '../../../../src/proxy/nftables/counted.ts'

const endpoints = fc.uniqueArray(fc.integer({ min: 0, max: 20 }).map(String), { maxLength: 16 })

test('slots stay dense, hold exactly the wanted, and whoever stays below the new length keeps his index', t => {
  fc.assert(
    fc.property(endpoints, endpoints, (before, wanted) => {
      const after = assignSlots(before, wanted)
      t.deepEqual([...after].sort(), [...wanted].sort())
      before.forEach((endpoint, index) => {
        if (wanted.includes(endpoint) && index < wanted.length) t.is(after[index], endpoint)
      })
    }),
  )
  t.pass()
})

test('one endpoint more or less changes at most two indexes', t => {
  fc.assert(
    fc.property(endpoints, fc.nat(), (before, pick) => {
      const fewer = before.filter((_, index) => index !== pick % Math.max(1, before.length))
      for (const wanted of [fewer, [...before, 'new']]) {
        const after = assignSlots(before, wanted)
        const changed = Array.from({ length: Math.max(before.length, after.length) }, (_, i) => before[i] !== after[i]).filter(Boolean)
        t.true(changed.length <= 2)
      }
    }),
  )
  t.pass()
})

test('endpoint numbers are unique, belong to their service port, stay with who stays, and rest before they are used again', t => {
  fc.assert(
    fc.property(fc.array(endpoints, { minLength: 2, maxLength: 8 }), rounds => {
      let state = newStickiness(0x0007_0000)
      for (const wanted of rounds) {
        const next = numberEndpoints(state, wanted)
        const numbers = [...next.endpoints.values()]
        t.is(new Set(numbers).size, wanted.length)
        t.true(numbers.every(number => ((number & STICKY_SERVICE_MASK) >>> 0) === 0x0007_0000 && number !== 0x0007_0000))
        for (const [endpoint, number] of next.endpoints) {
          if (state.endpoints.has(endpoint)) t.is(state.endpoints.get(endpoint), number)
          else t.false([...state.endpoints.values()].includes(number))
        }
        state = next
      }
    }),
  )
  t.pass()
})

test('merged ranges cover the same addresses and do not touch', t => {
  const range = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 10 })).map(([first, size]) => ({ first: BigInt(first), last: BigInt(first + size) }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), ranges => {
      const merged = mergeRanges(ranges)
      const covered = (list: typeof ranges, bits: bigint): boolean => list.some(({ first, last }) => first <= bits && bits <= last)
      for (let bits = 0n; bits < 75n; bits += 1n) t.is(covered([...merged], bits), covered(ranges, bits))
      merged.slice(1).forEach((next, i) => t.true(next.first > merged[i]!.last + 1n))
    }),
  )
  t.pass()
})

test('a counted thing comes with its first owner and goes with its last, also when it moves within one change', t => {
  const counted = new Counted<string>()
  t.deepEqual(counted.update([], [['a', 'a'], ['a', 'a']]), { gone: [], came: ['a'] })
  t.deepEqual(counted.update([['a', 'a']], [['a', 'a']]), { gone: [], came: [] })
  t.deepEqual(counted.update([['a', 'a'], ['a', 'a']], []), { gone: ['a'], came: [] })
})

test('a service port that is made anew gets another number, so that nobody remembers clients of the old one', t => {
  const numbers = new ServiceNumbers([0x0005_0000])
  const first = numbers.take()
  numbers.release(first)
  t.not(numbers.take(), first)
  t.is(numbers.take(0x0005_0000), 0x0005_0000)
})
