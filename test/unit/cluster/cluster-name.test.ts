import test from 'ava'
import fc from 'fast-check'
import { CLUSTER_NAME_MAX, clusterOfNamespace, hostNamespace, parseClusterName, underlayNamespace, uplinkName } from '../../../src/cluster/cluster-name.ts'

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const host = fc.stringMatching(/^host-[1-9][0-9]?$/)

test('a namespace leads back to its cluster, and to no other whose name is a part of it', t => {
  fc.assert(
    fc.property(label, host, (text, hostName) => {
      const name = parseClusterName(text, 'name')
      t.is(clusterOfNamespace(hostNamespace(name, hostName)), name)
      t.is(clusterOfNamespace(underlayNamespace(name)), name)
    }),
  )
})

test('every accepted name fits into the name of a link', t => {
  fc.assert(fc.property(label, text => uplinkName(parseClusterName(text, 'name')).length <= 15))
  t.is(uplinkName(parseClusterName('a'.repeat(CLUSTER_NAME_MAX), 'name')).length, 15)
})

test('a name that is too long or has other characters is refused, naming the flag', t => {
  t.throws(() => parseClusterName('abcdefghijk', '--name'), { message: /--name: "abcdefghijk": has 11 characters; at most 10 fit/ })
  for (const text of ['', 'A', '1a', 'a.b', 'a-', '-a', 'a_b', 'ä', '../x', 'a b']) {
    t.throws(() => parseClusterName(text, '--name'), { message: /^--name: / })
  }
})

test('namespaces of others are not ours', t => {
  for (const name of ['weft', 'weft.', 'weft.a', 'cni-1234', 'weft.a.b.c', 'weft.abcdefghijkl.host-1', 'xweft.a.host-1']) {
    t.is(clusterOfNamespace(name), undefined)
  }
})
