import test from 'ava'
import fc from 'fast-check'
import { formatLabelSelector, labelSelectorOf, matchesLabels, parseLabelSelector } from '../../../../src/api/selectors/label-selector.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

const matches = (text: string, labels: Record<string, string>): boolean => matchesLabels(parseLabelSelector(text), labels)

test('every operator of a label selector decides as documented, absent labels included (58)', t => {
  t.true(matches('', { a: 'b' }))
  t.true(matches('a', { a: '' }))
  t.false(matches('!a', { a: '' }))
  t.true(matches('a=b', { a: 'b' }))
  t.true(matches('a==b', { a: 'b' }))
  t.false(matches('a=b', {}))
  t.true(matches('a!=b', {}))
  t.true(matches('tier in (a,b),!x', { tier: 'a' }))
  t.false(matches('tier in (a,b),!x', { tier: 'a', x: '1' }))
  t.true(matches('tier notin (a, b)', {}))
  t.true(matches('n>9', { n: '10' }))
  t.false(matches('n<9', { n: 'x' }))
  t.true(matches('!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name', { a: 'b' }))
})

test('a broken label selector is a 400 that names the place (58)', t => {
  for (const [text, message] of [
    ['a in', "unable to parse requirement: found '' expected: '('"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,', "found '', expected: identifier after ','"],
    ['=b', "unable to parse requirement: found '=', expected: identifier"],
  ] as const) {
    const error = t.throws(() => parseLabelSelector(text), { instanceOf: StatusError })
    t.is(error.body.code, 400)
    t.is(error.message, message)
  }
})

const word = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?$/)
const requirement = fc.oneof(
  fc.record({ key: word, operator: fc.constantFrom('=' as const, '!=' as const), values: fc.tuple(word) }),
  fc.record({ key: word, operator: fc.constantFrom('in' as const, 'notin' as const), values: fc.uniqueArray(word, { minLength: 1, maxLength: 4 }).map(list => list.sort()) }),
  fc.record({ key: word, operator: fc.constantFrom('exists' as const, '!' as const), values: fc.constant([]) }),
  fc.record({ key: word, operator: fc.constantFrom('>' as const, '<' as const), values: fc.tuple(fc.nat().map(String)) }),
)

test('a label selector survives being written and read again', t => {
  fc.assert(fc.property(fc.array(requirement, { maxLength: 5 }), selector => {
    t.deepEqual(parseLabelSelector(formatLabelSelector(selector)), selector)
  }))
})

test('no text makes the label selector parser fail in another way than with a 400', t => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', '=', '!', '(', ')', ',', ' ', 'in', '>') })), text => {
    try {
      parseLabelSelector(text)
    } catch (error) {
      if (!(error instanceof StatusError) || error.body.code !== 400) throw error
    }
  }))
  t.pass()
})

test('a selector object without anything matches everything, no object at all matches nothing', t => {
  t.deepEqual(labelSelectorOf({}), [])
  t.is(labelSelectorOf(undefined), undefined)
  const selector = labelSelectorOf({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }] })!
  t.is(formatLabelSelector(selector), 'app=web,tier notin (db)')
  t.true(matchesLabels(selector, { app: 'web' }))
  t.false(matchesLabels(selector, { app: 'web', tier: 'db' }))
})
