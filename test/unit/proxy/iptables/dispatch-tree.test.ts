import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../../src/net/ip/address.ts'
import { DispatchTree } from '../../../../src/proxy/iptables/dispatch-tree.ts'
import { frontendKey, frontendShape, nodePortKey, nodePortShape } from '../../../../src/proxy/iptables/keys.ts'

const chainsOf = (tree: DispatchTree): Record<string, readonly string[]> => {
  tree.takeChanges()
  return Object.fromEntries([...tree.chains()].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Rules that a packet meets at most, and how deep the jumps go, following every jump from the root. */
function depthOf(chains: Record<string, readonly string[]>, root: string): { rules: number; depth: number } {
  const rules = chains[root]!
  const below = rules.flatMap(rule => {
    const target = / -j (\S+)$/.exec(rule)?.[1]
    return target !== undefined && chains[target] !== undefined ? [depthOf(chains, target)] : []
  })
  return { rules: rules.length + Math.max(0, ...below.map(b => b.rules)), depth: 1 + Math.max(0, ...below.map(b => b.depth)) }
}

const v4 = (n: number): string => frontendKey(parseAddress(`10.96.${n >> 8}.${n & 255}`, 'ip'), 'TCP', 80)

test('ten thousand dense or scattered cluster IPs are found within 150 rules and few jumps', t => {
  for (const stride of [1, 6]) {
    const tree = new DispatchTree(frontendShape(4, 'KUBE-SERVICES', ''))
    for (let i = 0; i < 10_000; i += 1) tree.set(v4((i * stride) & 0xffff), 'svc', `rule-${i}`)
    const chains = chainsOf(tree)
    const { rules, depth } = depthOf(chains, 'KUBE-SERVICES')
    t.true(rules < 150, `${rules} rules`)
    t.true(depth <= 6, `${depth} levels`)
    t.true(Object.keys(chains).every(name => name.length <= 28))
  }
})

test('an address with thousands of ports is split by port, and every chain name is unique and short', t => {
  const tree = new DispatchTree(frontendShape(4, 'KUBE-SERVICES', ''))
  const address = parseAddress('192.168.99.11', 'ip')
  for (let port = 1; port <= 3000; port += 1) tree.set(frontendKey(address, port % 3 === 0 ? 'UDP' : 'TCP', port), 'svc', `rule-${port}`)
  const chains = chainsOf(tree)
  const { rules } = depthOf(chains, 'KUBE-SERVICES')
  t.true(rules < 150, `${rules} rules`)
  t.true(Object.keys(chains).every(name => name.length <= 28))
})

test('keys made to nest as deep as possible stay within the limit of nf_tables', t => {
  for (const family of [4, 6] as const) {
    const tree = new DispatchTree(frontendShape(family, 'KUBE-SERVICES', ''))
    const digits = family === 4 ? 8 : 32
    // Each prefix of the zero key has a branch, and nine leaves wait at the end.
    for (let i = 0; i < digits; i += 1) tree.set(`${'0'.repeat(i)}f${'0'.repeat(digits - i - 1)}00050`, 'svc', `branch-${i}`)
    for (let i = 0; i < 9; i += 1) tree.set(`${'0'.repeat(digits)}0000${i}`, 'svc', `leaf-${i}`)
    t.true(depthOf(chainsOf(tree), 'KUBE-SERVICES').depth <= 8)
  }
})

test('node ports are a tree of port ranges with readable names', t => {
  const tree = new DispatchTree(nodePortShape('KUBE-NODEPORTS', 'N'))
  for (let port = 30_000; port < 32_768; port += 1) tree.set(nodePortKey('TCP', port), 'svc', `rule-${port}`)
  const chains = chainsOf(tree)
  t.true(depthOf(chains, 'KUBE-NODEPORTS').rules < 60)
  t.true(Object.keys(chains).includes('KUBE-SVC-Ntcp_28672-32767'))
})

test('the shape does not depend on the order of changes, and only chains that differ are told', t => {
  const key = fc.integer({ min: 0, max: 299 })
  const change = fc.record({ key, owner: fc.constantFrom('a', 'b'), present: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), changes => {
      const live = new DispatchTree(frontendShape(4, 'KUBE-SERVICES', ''))
      const told = new Map<string, readonly string[]>()
      const take = (): void => {
        for (const { chain, before, after } of live.takeChanges()) {
          t.deepEqual(told.get(chain), before)
          t.notDeepEqual(before, after)
          if (after === undefined) told.delete(chain)
          else told.set(chain, after)
        }
      }
      const state = new Map<string, (typeof changes)[number]>()
      for (const [index, each] of changes.entries()) {
        state.set(`${each.key}/${each.owner}`, each)
        if (each.present) live.set(v4(each.key), each.owner, `${each.key} of ${each.owner}`)
        else live.delete(v4(each.key), each.owner)
        if (index % 7 === 0) take()
      }
      take()
      const fresh = new DispatchTree(frontendShape(4, 'KUBE-SERVICES', ''))
      for (const each of [...state.values()].reverse()) if (each.present) fresh.set(v4(each.key), each.owner, `${each.key} of ${each.owner}`)
      t.deepEqual(chainsOf(live), chainsOf(fresh))
      t.deepEqual(Object.fromEntries([...told].sort(([a], [b]) => (a < b ? -1 : 1))), chainsOf(fresh))
    }),
    { numRuns: 200 },
  )
})
