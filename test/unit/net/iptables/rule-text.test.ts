import test from 'ava'
import fc from 'fast-check'
import { commentOf, quoteArgument, sameRule, splitRule, targetOf } from '../../../../src/net/iptables/rule-text.ts'

test('whatever is quoted is read back as one argument', t => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }).filter(text => !/[\r\n]/.test(text))), args => {
      t.deepEqual(splitRule(args.map(quoteArgument).join(' ')), args)
    }),
  )
})

test('a line end in a comment cannot start a new line', t => {
  t.is(quoteArgument('a\nCOMMIT'), '"a COMMIT"')
})

test('the comment and the target of a rule are found', t => {
  const rule = '-d 10.0.0.1/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-A'
  t.is(commentOf(rule), 'default/web:http cluster IP')
  t.is(targetOf(rule), 'KUBE-SVC-A')
  t.is(targetOf('-m comment --comment "only a note"'), undefined)
})

test('two spellings of one rule are the same, two rules are not', t => {
  t.true(sameRule('-d 10.0.0.1/32 -p tcp -m tcp --dport 80 -m comment --comment x -j A', '-d 10.0.0.1 -p tcp -m comment --comment "x" -m tcp --dport 80 -j A'))
  t.true(sameRule('-m statistic --mode random --probability 0.33333333349 -j A', '-m statistic --mode random --probability 0.3333333335 -j A'))
  t.false(sameRule('-d 10.0.0.1/32 -j A', '! -d 10.0.0.1/32 -j A'))
  t.false(sameRule('-s 10.0.0.1/32 -j A', '-d 10.0.0.1/32 -j A'))
  t.false(sameRule('-m statistic --mode random --probability 0.5 -j A', '-m statistic --mode random --probability 0.51 -j A'))
  t.false(sameRule('-d 10.0.0.0/24 -j A', '-d 10.0.0.0/25 -j A'))
})
