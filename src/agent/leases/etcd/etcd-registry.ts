// What the lease manager asks of etcd: an edge of a few calls, so that everything above can be tried without a server.

/** A key with what etcd knows about it. Revisions are 64-bit, kept as decimal text. */
export type EtcdEntry = Readonly<{
  /** Behind the prefix. */
  name: string
  value: string
  createRevision: string
  modRevision: string
  /** "0" for a key without a lease. */
  leaseId: string
}>

export type EtcdListing = Readonly<{ revision: string; entries: readonly EtcdEntry[] }>

export type EtcdEvent = Readonly<{ type: 'put'; entry: EtcdEntry }> | Readonly<{ type: 'delete'; name: string }>

type Call = Readonly<{ signal: AbortSignal }>

/** All calls throw EtcdError. Names are relative to `<prefix>/subnets/`. */
export interface EtcdRegistry extends AsyncDisposable {
  readConfig(call: Call): Promise<string | undefined>
  list(call: Call): Promise<EtcdListing>
  /** Events after `revision`, in batches. Ends when etcd ends the watch; throws when the wire breaks or the revision is compacted. */
  watch(revision: string, call: Call): AsyncIterable<readonly EtcdEvent[]>
  /** Number of leases now, and of those that changed after `revision`: tells whether a silent watch still works. */
  count(revision: string, call: Call): Promise<Readonly<{ total: number; changed: number }>>
  grant(ttlSeconds: number, call: Call): Promise<string>
  revoke(leaseId: string, call: Call): Promise<void>
  /** Seconds left, or undefined when the lease is gone. */
  timeToLive(leaseId: string, call: Call): Promise<number | undefined>
  /** Writes only if the key's mod revision is `expected` ("0": the key is absent). Answers the new mod revision, or undefined. */
  put(entry: Readonly<{ name: string; value: string; leaseId: string; expected: string }>, call: Call): Promise<string | undefined>
  /** Deletes only if the mod revision is `expected`. Answers whether it did. */
  remove(entry: Readonly<{ name: string; expected: string }>, call: Call): Promise<boolean>
}
