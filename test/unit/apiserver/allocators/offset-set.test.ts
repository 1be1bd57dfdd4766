import test from 'ava'
import fc from 'fast-check'
import { openOffsetSet } from '../../../../src/apiserver/allocators/offset-set.ts'
import { OffsetPool } from '../../../../src/apiserver/allocators/offset-pool.ts'

const step = fc.record({ add: fc.boolean(), offset: fc.nat(199) })

test('the bitmap tree agrees with a plain set, whatever is added, removed and searched', t => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), fc.array(step, { maxLength: 300 }), fc.nat(199), fc.nat(200), (size, steps, from, to) => {
    const set = openOffsetSet(BigInt(size))
    const model = new Set<number>()
    for (const { add, offset } of steps) {
      if (offset >= size) continue
      t.is(add ? set.add(BigInt(offset)) : set.delete(BigInt(offset)), add ? !model.has(offset) : model.has(offset))
      if (add) model.add(offset)
      else model.delete(offset)
    }
    const end = Math.min(to, size)
    let expected: number | undefined
    for (let at = from; at < end && expected === undefined; at += 1) if (!model.has(at)) expected = at
    t.is(set.nextFree(BigInt(from), BigInt(end)), expected === undefined ? undefined : BigInt(expected))
    t.is(set.count, model.size)
    t.deepEqual([...set.taken()].map(Number), [...model].sort((a, b) => a - b))
  }))
})

test('a pool hands out every offset once, the dynamic band before the static one, then says that it is full', t => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(64), fc.float({ min: 0, max: Math.fround(0.999), noNaN: true }), (size, band, seed) => {
    const staticBand = Math.min(band, size)
    const pool = new OffsetPool({ size: BigInt(size), staticBand: BigInt(staticBand) })
    const given: number[] = []
    for (let i = 0; i < size; i += 1) given.push(Number(pool.takeAny(() => seed)))
    t.is(new Set(given).size, size)
    t.true(given.slice(0, size - staticBand).every(offset => offset >= staticBand))
    t.is(pool.takeAny(() => seed), undefined)
  }), { numRuns: 30 })
})

test('one allocation costs the same in an empty and in a nearly full range of a million', t => {
  const size = 1n << 20n
  const full = new OffsetPool({ size, staticBand: 256n })
  for (let i = 0n; i < size - 1000n; i += 1n) full.take(i)
  const started = process.hrtime.bigint()
  for (let i = 0; i < 1000; i += 1) full.takeAny(() => 0)
  const perAllocationMicroseconds = Number(process.hrtime.bigint() - started) / 1e6
  t.is(full.count, Number(size))
  // A scan over a million bits takes hundreds of microseconds each; the tree takes about one.
  t.true(perAllocationMicroseconds < 100, `${perAllocationMicroseconds} us`)
})
