// The registry over the etcd3 client's plain calls. Its own leases, watchers and retries are not used: they keep alive,
// resume and repeat on their own terms, and here every one of those is a decision.

import { readFileSync } from 'node:fs'
import { on } from 'node:events'
import { Etcd3, type IKeyValue, type IOptions, type IWatchResponse } from 'etcd3'
import { EtcdError } from './etcd-error.ts'
import type { EtcdEntry, EtcdEvent, EtcdListing, EtcdRegistry } from './etcd-registry.ts'

export type EtcdConnection = Readonly<{
  endpoints: readonly string[]
  prefix: string
  /** File names; "" for none. A CA alone is enough. */
  tls: Readonly<{ key: string; cert: string; ca: string }>
  username: string
  password: string
}>

const CALL_TIMEOUT_MS = 10_000

type Call = Readonly<{ signal: AbortSignal }>

export class Etcd3Registry implements EtcdRegistry {
  readonly #connection: EtcdConnection
  readonly #root: string
  #client: Etcd3
  #credentials: string

  constructor(connection: EtcdConnection) {
    this.#connection = connection
    this.#root = cleanPrefix(connection.prefix)
    this.#credentials = readCredentials(connection)
    this.#client = new Etcd3(optionsOf(connection))
  }

  get #subnets(): string {
    return `${this.#root}/subnets/`
  }

  async readConfig(call: Call): Promise<string | undefined> {
    const { kvs } = await this.#call('read the configuration', call, client => client.kv.range({ key: Buffer.from(`${this.#root}/config`) }))
    return kvs[0]?.value.toString('utf8')
  }

  async list(call: Call): Promise<EtcdListing> {
    const answer = await this.#call('list leases', call, client => client.kv.range({ ...this.#range, sort_order: 'Ascend', sort_target: 'Key' }))
    return { revision: answer.header.revision, entries: answer.kvs.map(kv => this.#entry(kv)) }
  }

  get #range(): { key: Buffer; range_end: Buffer } {
    return { key: Buffer.from(this.#subnets), range_end: rangeEnd(this.#subnets) }
  }

  async *watch(revision: string, call: Call): AsyncGenerator<readonly EtcdEvent[], void, undefined> {
    const stream = await this.#call('watch leases', call, client => client.watchClient.watch())
    try {
      stream.write({ create_request: { ...this.#range, start_revision: String(BigInt(revision) + 1n), progress_notify: true } } as never)
      for await (const [answer] of on(stream as never, 'data', { signal: call.signal, close: ['end', 'close'] }) as AsyncIterable<[IWatchResponse]>) {
        if (answer.canceled) throw new Error(answer.cancel_reason || (answer.compact_revision === '0' ? 'the watch was cancelled' : 'the revision was compacted'))
        if (answer.events.length > 0) yield answer.events.map(event => this.#event(event))
      }
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason
      throw new EtcdError('watch leases', error)
    } finally {
      // A cancelled call reports its own cancelling.
      ;(stream as unknown as NodeJS.EventEmitter).on('error', () => {})
      stream.cancel()
    }
  }

  #event(event: { type: string; kv: IKeyValue }): EtcdEvent {
    return event.type === 'Delete' ? { type: 'delete', name: this.#name(event.kv) } : { type: 'put', entry: this.#entry(event.kv) }
  }

  async count(revision: string, call: Call): Promise<Readonly<{ total: number; changed: number }>> {
    const total = await this.#call('count leases', call, client => client.kv.range({ ...this.#range, count_only: true }))
    // min_mod_revision does not act on counts, so the keys alone are asked for.
    const changed = await this.#call('count leases', call, client => client.kv.range({ ...this.#range, keys_only: true, min_mod_revision: String(BigInt(revision) + 1n) }))
    return { total: Number(total.count), changed: changed.kvs.length }
  }

  async grant(ttlSeconds: number, call: Call): Promise<string> {
    return (await this.#call('grant a lease', call, client => client.leaseClient.leaseGrant({ TTL: ttlSeconds }))).ID
  }

  async revoke(leaseId: string, call: Call): Promise<void> {
    await this.#call('revoke a lease', call, client => client.leaseClient.leaseRevoke({ ID: leaseId }))
  }

  async timeToLive(leaseId: string, call: Call): Promise<number | undefined> {
    const { TTL } = await this.#call('ask for a lease', call, client => client.leaseClient.leaseTimeToLive({ ID: leaseId }))
    return Number(TTL) > 0 ? Number(TTL) : undefined
  }

  async put(entry: Readonly<{ name: string; value: string; leaseId: string; expected: string }>, call: Call): Promise<string | undefined> {
    const key = Buffer.from(this.#subnets + entry.name)
    const answer = await this.#call(`write the lease ${entry.name}`, call, client => client.kv.txn({
      compare: [{ result: 'Equal', target: 'Mod', key, mod_revision: entry.expected }],
      success: [{ request_put: { key, value: Buffer.from(entry.value), lease: entry.leaseId } }],
    }))
    return answer.succeeded ? answer.header.revision : undefined
  }

  async remove(entry: Readonly<{ name: string; expected: string }>, call: Call): Promise<boolean> {
    const key = Buffer.from(this.#subnets + entry.name)
    const answer = await this.#call(`delete the lease ${entry.name}`, call, client => client.kv.txn({
      compare: [{ result: 'Equal', target: 'Mod', key, mod_revision: entry.expected }],
      success: [{ request_delete_range: { key } }],
    }))
    return answer.succeeded
  }

  #entry(kv: IKeyValue): EtcdEntry {
    return { name: this.#name(kv), value: kv.value.toString('utf8'), createRevision: kv.create_revision, modRevision: kv.mod_revision, leaseId: kv.lease }
  }

  #name(kv: IKeyValue): string {
    return kv.key.toString('utf8').slice(this.#subnets.length)
  }

  /** Tries every endpoint once; new certificates are picked up before the first try. */
  async #call<T>(operation: string, { signal }: Call, work: (client: Etcd3) => Promise<T>): Promise<T> {
    this.#refreshCredentials()
    for (let left = this.#connection.endpoints.length; ; left -= 1) {
      signal.throwIfAborted()
      try {
        return await abortable(work(this.#client), signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (left <= 1) throw new EtcdError(operation, error)
      }
    }
  }

  #refreshCredentials(): void {
    const credentials = readCredentials(this.#connection)
    if (credentials === this.#credentials) return
    this.#credentials = credentials
    this.#client.close()
    this.#client = new Etcd3(optionsOf(this.#connection))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
  }
}

/** Path rules: double slashes collapse, the last one goes. */
export const cleanPrefix = (prefix: string): string => `/${prefix.split('/').filter(part => part !== '').join('/')}`

/** The prefix with its last byte counted up: the end of the range of all keys that begin with it. */
function rangeEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1]! += 1
  return end
}

const fileText = (path: string): string => (path === '' ? '' : readFileSync(path, 'utf8'))

const readCredentials = ({ tls }: EtcdConnection): string => [tls.ca, tls.cert, tls.key].map(fileText).join('\0')

function optionsOf({ endpoints, tls, username, password }: EtcdConnection): IOptions {
  const file = (path: string): Buffer | undefined => (path === '' ? undefined : readFileSync(path))
  const [ca, cert, key] = [file(tls.ca), file(tls.cert), file(tls.key)]
  // One attempt per call: when to try again is decided above.
  const once = { execute: async <T>(work: (context: { signal: AbortSignal }) => T) => work({ signal: new AbortController().signal }) } as unknown as NonNullable<NonNullable<IOptions['faultHandling']>['global']>
  return {
    hosts: [...endpoints],
    ...((ca ?? cert) !== undefined && { credentials: { rootCertificate: ca as Buffer, ...(key !== undefined && cert !== undefined && { privateKey: key, certChain: cert }) } }),
    ...(username !== '' && { auth: { username, password } }),
    faultHandling: { global: once, host: () => once },
    defaultCallOptions: context => (context.isStream ? {} : { deadline: Date.now() + CALL_TIMEOUT_MS }),
  }
}

/** The client's calls cannot be cancelled; whoever waits can stop waiting. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
