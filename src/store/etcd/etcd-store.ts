// The shared store: etcd v3, as kube-apiserver uses it (k8s.io/apiserver/pkg/storage/etcd3), so that both can work on
// the same keys. Several servers may run over one etcd.

import { Etcd3, GRPCOutOfRangeError, type ICompare, type IOptions, type IRequestOp } from 'etcd3'
import type { Clock } from '../../ops/clock.ts'
import {
  CompactedError, FutureRevisionError, StoreError, type Change, type Entry, type Range, type RangeResult, type Store, type Txn, type TxnResult, type WatchBatch,
} from '../store.ts'
import { entryOf } from './entry.ts'
import { EtcdWatch } from './etcd-watch.ts'
import { Leases } from './leases.ts'

type Options = Readonly<{ signal: AbortSignal }>

export type EtcdOptions = Readonly<{
  /** "https://10.0.0.1:2379", … */
  hosts: readonly string[]
  /** PEM; absent for plain HTTP. */
  tls?: Readonly<{ caPem: string; certificatePem?: string; privateKeyPem?: string }>
  clock: Clock
}>

/** Servers agree by this key who compacts: its version is compared, its value is the revision (storage/etcd3/compact.go). */
const COMPACT_KEY = Buffer.from('compact_rev_key')
/** The key of no object: asking for it tells the store's revision. */
const PROBE_KEY = Buffer.from('\0')
/** gRPC's own limit of 4 MiB is less than a page of large objects. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1

export class EtcdStore implements Store {
  readonly #client: Etcd3
  readonly #leases: Leases
  readonly #watches = new Set<EtcdWatch>()

  /** Resolves when etcd has answered once. Throws StoreError. */
  static async open(options: EtcdOptions, { signal }: Options): Promise<EtcdStore> {
    const { tls } = options
    const settings: IOptions = {
      hosts: [...options.hosts],
      grpcOptions: { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': MAX_MESSAGE_BYTES, 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 },
      ...(tls === undefined ? {} : {
        credentials: {
          rootCertificate: Buffer.from(tls.caPem),
          ...(tls.privateKeyPem === undefined || tls.certificatePem === undefined ? {} : { privateKey: Buffer.from(tls.privateKeyPem), certChain: Buffer.from(tls.certificatePem) }),
        },
      }),
    }
    const store = new EtcdStore(new Etcd3(settings), options.clock)
    try {
      await store.revision({ signal })
      return store
    } catch (error) {
      await store[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(client: Etcd3, clock: Clock) {
    this.#client = client
    this.#leases = new Leases(client.leaseClient, clock)
  }

  async revision({ signal }: Options): Promise<number> {
    const { header } = await this.#call(signal, () => this.#client.kv.range({ key: PROBE_KEY, limit: 1, keys_only: true }))
    const revision = Number(header.revision)
    // Whoever asks wants to know that watches have come this far, which they say only when they are asked.
    for (const watch of this.#watches) watch.aimAt(revision)
    return revision
  }

  async get(key: string, { signal }: Options): Promise<Entry | undefined> {
    const { kvs } = await this.#call(signal, () => this.#client.kv.range({ key: Buffer.from(key) }))
    return kvs[0] === undefined ? undefined : entryOf(kvs[0])
  }

  async range(range: Range, { signal }: Options): Promise<RangeResult> {
    const { kvs, more, header } = await this.#call(signal, () => this.#client.kv.range({
      key: Buffer.from(range.start), range_end: Buffer.from(range.end), ...(range.limit === undefined ? {} : { limit: range.limit }), ...(range.revision === undefined ? {} : { revision: range.revision }),
    }), range.revision)
    return { entries: kvs.map(entryOf), more, revision: range.revision ?? Number(header.revision) }
  }

  async count(range: Pick<Range, 'start' | 'end'>, { signal }: Options): Promise<number> {
    const { count } = await this.#call(signal, () => this.#client.kv.range({ key: Buffer.from(range.start), range_end: Buffer.from(range.end), count_only: true }))
    return Number(count)
  }

  async commit(txn: Txn, { signal }: Options): Promise<TxnResult> {
    const success: IRequestOp[] = []
    for (const change of txn.changes) success.push(await this.#operation(change))
    const { succeeded, responses, header } = await this.#call(signal, () => this.#client.kv.txn({
      compare: txn.compares.map(({ key, modRevision }): ICompare => ({ result: 'Equal', target: 'Mod', key: Buffer.from(key), mod_revision: modRevision })),
      success, failure: txn.compares.map(({ key }) => ({ request_range: { key: Buffer.from(key) } })),
    }))
    if (succeeded) return { ok: true, revision: Number(header.revision) }
    return { ok: false, current: responses.map(({ response_range: { kvs } }) => (kvs[0] === undefined ? undefined : entryOf(kvs[0]))) }
  }

  async *watch(query: Readonly<{ prefix: string; afterRevision: number }>, { signal }: Options): AsyncGenerator<WatchBatch> {
    await using watch = await EtcdWatch.open(this.#client.watchClient, query, signal)
    this.#watches.add(watch)
    try {
      yield* watch.batches(signal)
    } finally {
      this.#watches.delete(watch)
    }
  }

  async compact(revision: number, { signal }: Options): Promise<void> {
    const { kvs } = await this.#call(signal, () => this.#client.kv.range({ key: COMPACT_KEY }))
    const [held] = kvs
    if (held !== undefined && Number(held.value.toString()) >= revision) return
    const { succeeded } = await this.#call(signal, () => this.#client.kv.txn({
      compare: [{ result: 'Equal', target: 'Version', key: COMPACT_KEY, version: held?.version ?? 0 }],
      success: [{ request_put: { key: COMPACT_KEY, value: Buffer.from(String(revision)) } }], failure: [],
    }))
    if (!succeeded) return
    try {
      await this.#client.kv.compact({ revision })
    } catch (error) {
      // Somebody else (etcd's own auto-compaction) was faster and further.
      if (!isOutOfRange(error)) throw unavailable(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of [...this.#watches]) await watch[Symbol.asyncDispose]()
    this.#client.close()
  }

  async #operation(change: Change): Promise<IRequestOp> {
    if (change.kind === 'delete') return { request_delete_range: { key: Buffer.from(change.key) } }
    const lease = change.ttlSeconds === undefined ? undefined : await this.#leases.forTtl(change.ttlSeconds)
    return { request_put: { key: Buffer.from(change.key), value: change.value, ...(lease === undefined ? {} : { lease }) } }
  }

  /** Runs a request, with errors in the store's terms. `revision` is what a range asked for. */
  async #call<T>(signal: AbortSignal, request: () => Promise<T>, revision?: number): Promise<T> {
    signal.throwIfAborted()
    try {
      return await request()
    } catch (error) {
      if (!isOutOfRange(error) || revision === undefined) throw unavailable(error)
      const current = await this.revision({ signal })
      if (revision > current) throw new FutureRevisionError(revision, current)
      const { kvs } = await this.#client.kv.range({ key: COMPACT_KEY })
      throw new CompactedError(revision, kvs[0] === undefined ? revision + 1 : Number(kvs[0].value.toString()))
    }
  }
}

/** gRPC status OUT_OF_RANGE: the revision is compacted, or not reached. */
const isOutOfRange = (error: unknown): boolean => error instanceof GRPCOutOfRangeError

const unavailable = (cause: unknown): StoreError =>
  new StoreError('STORE_UNAVAILABLE', `etcd does not answer: ${(cause as Error).message}; check --etcd-servers and the health of etcd`, {}, { cause, retryable: true })
