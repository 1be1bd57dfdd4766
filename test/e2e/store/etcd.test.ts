// The shared store keeps the same contract as the embedded one, over a real etcd.

import test from 'ava'
import { systemClock } from '../../../src/ops/clock.ts'
import { EtcdStore } from '../../../src/store/etcd/etcd-store.ts'
import { EtcdLab, hasEtcd } from '../../lab/etcd.ts'
import { storeContract } from '../../store/contract.ts'

const signal = new AbortController().signal
const etcd = hasEtcd() ? await EtcdLab.open() : undefined
test.after.always(() => etcd?.[Symbol.asyncDispose]())

// Tests share the one etcd, so each empties it first, and none may run beside another.
if (etcd === undefined) test.skip('etcd is not installed', t => t.pass())
else storeContract(test.serial as typeof test, async () => {
  const store = await EtcdStore.open({ hosts: [etcd.url], clock: systemClock }, { signal })
  const { entries } = await store.range({ start: '/', end: '0' }, { signal })
  for (const { key } of entries) await store.commit({ compares: [], changes: [{ kind: 'delete', key }] }, { signal })
  return store
})
