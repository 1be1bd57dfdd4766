// Several servers over one store, Weft's or upstream's: each keeps a key with a short life, and all together are the
// endpoints of the `kubernetes` Service (k8s.io/kubernetes/pkg/controlplane/reconcilers/lease.go).

import { prefixEnd, type Store } from '../../store/store.ts'

/** A server that is gone is an endpoint no longer after this time (upstream's --endpoint-reconciler: 15 s). */
const TTL_SECONDS = 15
const LEAVE_MS = 2_000

export class ServerPeers {
  readonly #store: Store
  readonly #prefix: string
  readonly #address: string

  constructor({ store, keyRoot, address }: Readonly<{ store: Store; keyRoot: string; address: string }>) {
    this.#store = store
    this.#prefix = `${keyRoot}/masterleases/`
    this.#address = address
  }

  /** Renews this server's key; answers the addresses of all, in order. */
  async announce(signal: AbortSignal): Promise<readonly string[]> {
    const value = Buffer.from(JSON.stringify({ kind: 'Endpoints', apiVersion: 'v1', metadata: {}, subsets: [{ addresses: [{ ip: this.#address }] }] }))
    await this.#store.commit({ compares: [], changes: [{ kind: 'put', key: `${this.#prefix}${this.#address}`, value, ttlSeconds: TTL_SECONDS }] }, { signal })
    const { entries } = await this.#store.range({ start: this.#prefix, end: prefixEnd(this.#prefix) }, { signal })
    return entries.map(({ key }) => key.slice(this.#prefix.length)).sort()
  }

  /** Takes this server's key away; when the store cannot be reached, its short life does. */
  async leave(): Promise<void> {
    const signal = AbortSignal.timeout(LEAVE_MS)
    await this.#store.commit({ compares: [], changes: [{ kind: 'delete', key: `${this.#prefix}${this.#address}` }] }, { signal }).catch(() => undefined)
  }
}
