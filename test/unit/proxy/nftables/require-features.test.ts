import test from 'ava'
import { NetlinkError } from '../../../../src/net/netlink/netlink-error.ts'
import type { Change } from '../../../../src/net/nfnetlink/objects.ts'
import { requireFeatures } from '../../../../src/proxy/nftables-backend/require-features.ts'

const { signal } = new AbortController()

const refusal = (errnoName: string): NetlinkError => new NetlinkError('NETLINK_REFUSED', errnoName, { operation: 'test', refusal: { errno: 1, errnoName } })

/** A kernel that does not know an expression. */
const lacking = (kind: string, errnoName: string, seen: (readonly Change[])[] = []) => ({
  commit: async (changes: readonly Change[]) => {
    seen.push(changes)
    if (changes.some(change => change.kind === 'add-rule' && change.rule.expressions.some(expression => expression.kind === kind))) throw refusal(errnoName)
  },
})

for (const family of [4, 6] as const) {
  test(`IPv${family}: what a kernel lacks is named with its option, once for all`, async t => {
    await t.throwsAsync(requireFeatures(lacking('numgen', 'ENOENT'), family, { signal }), { code: 'PROXY_NFTABLES_UNSUPPORTED', message: /^Linux \d.*CONFIG_NFT_NUMGEN; / })
    await t.throwsAsync(requireFeatures(lacking('fib', 'EOPNOTSUPP'), family, { signal }), { code: 'PROXY_NFTABLES_UNSUPPORTED', message: new RegExp(`CONFIG_NFT_FIB_IPV${family};`) })
  })
}

test('an answer that is not about features is passed on: no right to ask is no lack', async t => {
  await t.throwsAsync(requireFeatures(lacking('masq', 'EPERM'), 4, { signal }), { code: 'NETLINK_REFUSED' })
})

test('every question takes back what it began with in the same batch', async t => {
  const seen: (readonly Change[])[] = []
  await requireFeatures(lacking('nothing', 'ENOENT', seen), 4, { signal })
  t.true(seen.length > 5)
  for (const batch of seen) t.deepEqual([batch.at(0)?.kind, batch.at(-1)?.kind], ['add-table', 'delete-table'])
})
