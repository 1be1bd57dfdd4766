import test from 'ava'
import { planNode } from '../../../src/node/registration/node-object-plan.ts'

const FACTS = {
  name: 'n', addresses: ['192.0.2.1'], architecture: 'amd64', cpus: 2, memoryBytes: 1 << 30, diskBytes: 1 << 30, kernelVersion: '6.12', osImage: 'Debian', bootId: 'b',
  machineId: 'm', version: 'v1.36.0', maxPods: 110, labels: { zone: 'a' },
}

test('a node registers with its names, its address and at least one annotation, without which flanneld ends', t => {
  const node = planNode(FACTS, undefined, '2026-01-01T00:00:00Z')
  t.like(node.metadata?.labels, { 'kubernetes.io/hostname': 'n', 'kubernetes.io/os': 'linux', zone: 'a' })
  t.true(Object.keys(node.metadata?.annotations ?? {}).length > 0)
  t.deepEqual(node.status?.addresses, [{ type: 'InternalIP', address: '192.0.2.1' }, { type: 'Hostname', address: 'n' }])
})
