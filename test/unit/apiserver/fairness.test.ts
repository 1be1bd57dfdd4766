// One client must not starve the rest: places for requests under way, in all and per user, and open watches.

import test from 'ava'
import { Fairness } from '../../../src/apiserver/fairness.ts'
import { StatusError } from '../../../src/api/status/status.ts'

const user = (username: string, ...groups: string[]) => ({ username, groups })
const refused = (fairness: Fairness, kind: 'read' | 'write' | 'watch', who: ReturnType<typeof user>): boolean => {
  try {
    fairness.enter(kind, who)
    return false
  } catch (error) {
    return error instanceof StatusError && error.body.code === 429 && error.body.details?.retryAfterSeconds === 1
  }
}

test('one user holds half of the places, all together no more than there are, and places come back', t => {
  const fairness = new Fairness({ reads: 4, writes: 2, watchesPerUser: 3 })
  const places = [fairness.enter('read', user('a')), fairness.enter('read', user('a'))]
  t.true(refused(fairness, 'read', user('a')))
  fairness.enter('read', user('b'))
  fairness.enter('read', user('c'))
  t.true(refused(fairness, 'read', user('d')))
  t.false(refused(fairness, 'write', user('a')), 'writes have places of their own')
  for (const place of places) place[Symbol.dispose]()
  t.is(fairness.inFlight('read'), 2)
  t.false(refused(fairness, 'read', user('a')))
})

test('open watches are counted per user, and administrators are never held up', t => {
  const fairness = new Fairness({ reads: 1, writes: 1, watchesPerUser: 3 })
  for (let i = 0; i < 3; i += 1) fairness.enter('watch', user('a'))
  t.true(refused(fairness, 'watch', user('a')))
  t.false(refused(fairness, 'watch', user('b')))
  for (let i = 0; i < 10; i += 1) t.false(refused(fairness, 'write', user('admin', 'system:masters')))
})
