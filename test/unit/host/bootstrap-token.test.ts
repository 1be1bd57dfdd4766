// Bootstrap tokens: their Secret, and the signatures they make.

import test from 'ava'
import fc from 'fast-check'
import type { Secret } from 'kubernetes-types/core/v1.js'
import { formatBootstrapToken, parseBootstrapToken, readTokenSecret, tokenSecret } from '../../../src/api/bootstrap-token/bootstrap-token.ts'
import { isSignedBy, signDetached } from '../../../src/api/bootstrap-token/detached-signature.ts'
import { signedData } from '../../../src/controllers/bootstrap-tokens/controller.ts'
import { formatTokens, joiningToken, newBootstrapToken } from '../../../src/host/join/tokens.ts'

/** As the server stores it: plain text becomes data. */
const stored = (secret: Secret): Secret => ({ ...secret, data: Object.fromEntries(Object.entries(secret.stringData ?? {}).map(([key, text]) => [key, Buffer.from(text).toString('base64')])) })

test('a token survives its Secret', t => {
  const record = joiningToken(newBootstrapToken(), Date.parse('2026-02-03T04:05:06Z'), 'for the rack')
  t.deepEqual(readTokenSecret(stored(tokenSecret(record))), record)
  t.deepEqual(parseBootstrapToken(formatBootstrapToken(record.token), 'token'), record.token)
})

test('a Secret of another name or type, with a date that is none, or with groups of others gives nothing away', t => {
  const secret = stored(tokenSecret(joiningToken({ id: 'abcdef', secret: '0123456789abcdef' }, undefined, '')))
  t.is(readTokenSecret({ ...secret, type: 'Opaque' }), undefined)
  t.is(readTokenSecret({ ...secret, metadata: { name: 'bootstrap-token-zzzzzz' } }), undefined)
  const changed = (key: string, text: string) => readTokenSecret({ ...secret, data: { ...secret.data, [key]: Buffer.from(text).toString('base64') } })
  t.is(changed('token-secret', 'short'), undefined)
  t.is(changed('expiration', 'soon')?.expiresAtMs, 0)
  t.deepEqual(changed('auth-extra-groups', 'system:masters,system:bootstrappers:a')?.groups, ['system:bootstrappers:a'])
  t.deepEqual(changed('usage-bootstrap-signing', 'yes')?.usages, ['authentication'])
})

test('what is not a token is refused without being repeated', t => {
  const { message } = t.throws(() => parseBootstrapToken('abcdef.SECRETsecret', '--token'))
  t.regex(message, /^--token/)
  t.notRegex(message, /SECRET/)
})

test('a signature holds for one content and one token only', t => {
  fc.assert(fc.property(fc.string(), fc.string(), (content, other) => {
    const [token, stranger] = [newBootstrapToken(), newBootstrapToken()]
    const signature = signDetached(content, token)
    t.true(isSignedBy(content, signature, token))
    t.is(isSignedBy(other, signature, token), other === content)
    t.false(isSignedBy(content, signature, { ...stranger, id: token.id }))
    t.false(isSignedBy(content, signature.replace(/\.[^.]*$/, '.'), token))
  }))
  // An attacker who has a token must not be able to choose the algorithm "none".
  const none = `${Buffer.from('{"alg":"none","kid":"abcdef"}').toString('base64url')}..`
  t.false(isSignedBy('x', none, { id: 'abcdef', secret: '0123456789abcdef' }))
})

test('signatures of tokens that are gone leave cluster-info, and nothing else does', t => {
  const record = joiningToken({ id: 'abcdef', secret: '0123456789abcdef' }, undefined, '')
  const before = { kubeconfig: 'k', other: 'o', 'jws-kubeconfig-zzzzzz': 'old' }
  const after = signedData(before, [record])
  t.deepEqual(Object.keys(after).sort(), ['jws-kubeconfig-abcdef', 'kubeconfig', 'other'])
  t.deepEqual(signedData(after, [record]), after)
})

test('the list shows what kubeadm shows', t => {
  const text = formatTokens([joiningToken({ id: 'abcdef', secret: '0123456789abcdef' }, 3_600_000 * 5 + 1, '')], 0)
  t.regex(text, /^TOKEN +TTL +EXPIRES +USAGES +DESCRIPTION +EXTRA GROUPS\nabcdef\.0123456789abcdef +5h +1970-01-01T05:00:00Z +authentication,signing +<none> +system:bootstrappers:kubeadm:default-node-token\n$/)
})
