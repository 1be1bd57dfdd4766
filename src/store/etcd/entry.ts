// etcd's key-value message as the store's entry.

import type { IKeyValue } from 'etcd3'
import type { Entry } from '../store.ts'

export const entryOf = (kv: IKeyValue): Entry => ({
  key: kv.key.toString(), value: kv.value, createRevision: Number(kv.create_revision), modRevision: Number(kv.mod_revision), version: Number(kv.version),
})
