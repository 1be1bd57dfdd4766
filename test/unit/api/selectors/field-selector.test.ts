import test from 'ava'
import fc from 'fast-check'
import { formatFieldSelector, parseFieldSelector, resolveFieldSelector, selectedName } from '../../../../src/api/selectors/field-selector.ts'
import { builtinIndex } from '../../../../src/api/registry/resource-index.ts'
import { strategyOf } from '../../../../src/api/strategies/index.ts'
import { StatusError } from '../../../../src/api/status/status.ts'

test('field selectors know equality, inequality and escapes', t => {
  t.deepEqual(parseFieldSelector('spec.nodeName=n1,status.phase!=Failed,a==b\\,c'), [
    { field: 'spec.nodeName', operator: '=', value: 'n1' },
    { field: 'status.phase', operator: '!=', value: 'Failed' },
    { field: 'a', operator: '=', value: 'b,c' },
  ])
  t.is(selectedName(parseFieldSelector('metadata.name=x')), 'x')
  t.is(selectedName(parseFieldSelector('metadata.name!=x')), undefined)
})

test('a field that a kind does not offer is a 400 (51)', t => {
  const index = builtinIndex()
  const roles = index.find('rbac.authorization.k8s.io', 'v1', 'roles')!
  const error = t.throws(() => resolveFieldSelector(parseFieldSelector('spec.foo=1'), roles, strategyOf(roles)), { instanceOf: StatusError })
  t.is(error.message, '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"')
  t.is(error.body.code, 400)
})

test('a field selector survives being written and read again, whatever its values hold', t => {
  const selector = fc.array(fc.record({ field: fc.stringMatching(/^[a-z]+(\.[a-z]+)*$/), operator: fc.constantFrom('=' as const, '!=' as const), value: fc.string() }), { maxLength: 4 })
  fc.assert(fc.property(selector, wanted => {
    t.deepEqual(parseFieldSelector(formatFieldSelector(wanted)), wanted)
  }))
})

test('no text makes the field selector parser fail in another way than with a 400', t => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '=', '!', ',', '\\', '.') }), text => {
    try {
      parseFieldSelector(text)
    } catch (error) {
      if (!(error instanceof StatusError) || error.body.code !== 400) throw error
    }
  }))
  t.pass()
})
