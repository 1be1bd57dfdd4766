import test from 'ava'
import type { Figure } from '../../bench/figure.ts'
import { GOALS, type Goal } from '../../bench/goals.ts'
import { quantile } from '../../bench/statistics.ts'
import { alternate } from '../../bench/alternate.ts'
import { judge } from '../../bench/verdict.ts'

const figure = (weft: readonly number[], peer?: readonly number[]): Figure => ({
  key: 'k', what: 'w', unit: 'ms', weft, ...(peer === undefined ? {} : { peer, peerName: 'peer' }),
})
const verdict = (bound: Goal['bound'], measured: Figure | undefined) =>
  judge([{ subject: 's', key: 'k', says: '', bound }], [{ subject: 's', figures: measured ? [measured] : [], series: [], skips: [] }])[0]!

test('a bound on a percentile is held against that percentile', t => {
  const samples = Array.from({ length: 100 }, (_, i) => i + 1)
  t.is(quantile(samples, 0.5), 50.5)
  t.is(verdict({ kind: 'max', statistic: 'p50', value: 51 }, figure(samples)).state, 'met')
  t.is(verdict({ kind: 'max', statistic: 'p99', value: 51 }, figure(samples)).state, 'missed')
})

test('a ratio without a peer counts as not measured, and so does a figure that is absent', t => {
  t.is(verdict({ kind: 'ratio-max', value: 2 }, figure([1])).state, 'not measured')
  t.is(verdict({ kind: 'ratio-max', value: 2 }, undefined).state, 'not measured')
  t.is(verdict({ kind: 'ratio-max', value: 0.5 }, figure([1, 1, 1], [2, 2, 9])).state, 'met')
  t.is(verdict({ kind: 'ratio-min', value: 0.6 }, figure([1, 1, 1], [2, 2, 9])).state, 'missed')
})

test('a goal of a subject that was not run yields no verdict', t => {
  t.deepEqual(judge(GOALS, []), [])
})

test('contestants take turns and warm-up runs are not counted', async t => {
  const order: string[] = []
  const contestant = (name: string) => ({ name, once: async (round: number) => (order.push(`${name}${round}`), round) })
  t.deepEqual(await alternate([contestant('a'), contestant('b')], { rounds: 2, warmup: 1 }), [[0, 1], [0, 1]])
  t.deepEqual(order, ['a-1', 'b-1', 'a0', 'b0', 'a1', 'b1'])
})
