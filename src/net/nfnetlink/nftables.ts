// nf_tables over netlink: atomic batches, dumps, notifications.

import type { Message } from '../netlink/message.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import { NetlinkError, isRefusal } from '../netlink/netlink-error.ts'
import { NetlinkSocket } from '../netlink/netlink-socket.ts'
import type { NetnsReference } from '../netns/identity.ts'
import { batchFrame, changeMessages, nftRequest } from './change-messages.ts'
import { NETLINK_NETFILTER, NFNLGRP_NFTABLES, NFT_MSG, NFTA_CHAIN, NFTA_GEN, NFTA_RULE, NFTA_SET, NFTA_SET_ELEM_LIST, nftMessageType, type TableFamily } from './constants.ts'
import { describeChange, type Chain, type Change, type Element, type Rule, type Set, type Table, type TableName } from './objects.ts'
import { scanElements, type ElementText } from './scan-elements.ts'
import { attributesOf, familyOf, readChain, readElements, readRule, readSet, readTable } from './read-objects.ts'

export type NftablesOptions = Readonly<{
  netns?: NetnsReference
  /** Largest batch in bytes that `commit` can send; the socket's send buffer is made to fit it. */
  batchBytes?: number
}>

type Cancel = Readonly<{ signal: AbortSignal }>

/** A batch that the kernel refused, with the change that it refused. Nothing of the batch is in force. */
export class NftablesError extends NetlinkError {
  readonly change: Change | undefined

  constructor(error: NetlinkError, change: Change | undefined) {
    const about = change === undefined ? 'the batch' : describeChange(change)
    super('NETLINK_REFUSED', `nf_tables: ${about}: ${error.message}`, {
      operation: about,
      refusal: { errno: error.errno ?? 0, errnoName: error.errnoName ?? 'unknown', ...(error.kernelText === undefined ? {} : { kernelText: error.kernelText }), ...(error.attribute === undefined ? {} : { attribute: error.attribute }) },
    }, { cause: error, retryable: error.retryable || error.errnoName === 'ERESTART' })
    this.change = change
  }
}

const DEFAULT_BATCH_BYTES = 4 << 20
/** A batch's acknowledgements come at once: one per message. */
const RECEIVE_BYTES = 8 << 20

/** Ports of the sockets that this process has open: notifications of what it did itself carry one of them. */
const ownPorts = new globalThis.Set<number>()

/** Commits that this process has made, by the namespace as it was named. */
const ownCommits = new Map<NetnsReference | undefined, number>()

export class Nftables implements Disposable, AsyncDisposable {
  readonly #socket: NetlinkSocket
  readonly #batchBytes: number
  readonly #netns: NetnsReference | undefined

  private constructor(socket: NetlinkSocket, batchBytes: number, netns: NetnsReference | undefined) {
    this.#socket = socket
    this.#batchBytes = batchBytes
    this.#netns = netns
    ownPorts.add(socket.port)
  }

  /** Opens a socket in `netns` (ours when absent). Close it. */
  static open(options: NftablesOptions = {}): Nftables {
    const batchBytes = options.batchBytes ?? DEFAULT_BATCH_BYTES
    const socket = NetlinkSocket.open({ protocol: NETLINK_NETFILTER, netns: options.netns, sendBufferBytes: batchBytes + 4096, receiveBufferBytes: RECEIVE_BYTES })
    return new Nftables(socket, batchBytes, options.netns)
  }

  /**
   * Applies `changes` in order, all or none. An empty list sends nothing.
   *
   * With `generation` the kernel refuses (ERESTART, retryable) when anyone committed after that generation was read.
   * Throws `NftablesError` naming the first change refused; EMSGSIZE before sending when the batch exceeds `batchBytes`.
   */
  async commit(changes: readonly Change[], options: Cancel & Readonly<{ generation?: number; timeoutMs?: number }>): Promise<void> {
    if (changes.length === 0) return
    const { begin, end } = batchFrame(options.generation)
    const owners: Change[] = []
    const messages: MessageWriter[] = [begin]
    for (const change of changes) {
      for (const message of changeMessages(change)) {
        messages.push(message)
        owners.push(change)
      }
    }
    messages.push(end)
    const outcomes = await this.#socket.transact(messages, { ...options, unacknowledged: new globalThis.Set([begin, end]) })
    // The errors of later messages often only follow from the first.
    const failed = outcomes.findIndex(outcome => outcome.error !== undefined)
    if (failed !== -1) throw new NftablesError(outcomes[failed]!.error!, outcomes[0]!.error === undefined ? owners[failed - 1] : undefined)
    ownCommits.set(this.#netns, this.ownCommits + 1)
  }

  /** Commits that this process has made in this namespace: by so much the generation has grown if nobody else made any. */
  get ownCommits(): number {
    return ownCommits.get(this.#netns) ?? 0
  }

  /** Bytes that `commit` would send for `changes`: for callers that split what need not be atomic. */
  static sizeOf(changes: readonly Change[]): number {
    return changes.flatMap(changeMessages).reduce((sum, message) => sum + message.finish(0, 0).length, 0)
  }

  get batchBytes(): number {
    return this.#batchBytes
  }

  /** The ruleset's generation: grows with every commit by anybody. */
  async generation(options: Cancel): Promise<number> {
    const [reply] = await this.#socket.request(nftRequest(NFT_MSG.GETGEN, 0, 'nf_tables generation'), options)
    const id = reply === undefined ? undefined : attributesOf(reply).u32be(NFTA_GEN.ID)
    if (id === undefined) throw new NetlinkError('NETLINK_MALFORMED', 'nf_tables answered no generation')
    return id
  }

  async tables(options: Cancel): Promise<readonly Table[]> {
    return this.#dump(nftRequest(NFT_MSG.GETTABLE, 0, 'dump tables'), NFT_MSG.NEWTABLE, readTable, options)
  }

  async chains(where: TableName, options: Cancel): Promise<readonly Chain[]> {
    const all = await this.#dump(nftRequest(NFT_MSG.GETCHAIN, where.family, 'dump chains').string(NFTA_CHAIN.TABLE, where.table), NFT_MSG.NEWCHAIN, readChain, options)
    // Only rules and sets are filtered by table in the kernel.
    return all.filter(chain => chain.table === where.table)
  }

  async rules(where: TableName, options: Cancel): Promise<readonly Rule[]> {
    return this.#dump(nftRequest(NFT_MSG.GETRULE, where.family, 'dump rules').string(NFTA_RULE.TABLE, where.table), NFT_MSG.NEWRULE, readRule, options)
  }

  async sets(where: TableName, options: Cancel): Promise<readonly Set[]> {
    return this.#dump(nftRequest(NFT_MSG.GETSET, where.family, 'dump sets').string(NFTA_SET.TABLE, where.table), NFT_MSG.NEWSET, readSet, options)
  }

  /** All elements. Rejects with ENOENT when the set is absent; never answers a list that changed under the reader. */
  async elements(where: TableName & Readonly<{ set: string }>, options: Cancel): Promise<readonly Element[]> {
    return (await this.#dumpElements(where, options)).flatMap(readElements)
  }

  /** Like `elements` for sets of any size: hands each element to `visit`, as text, once the whole dump is there. */
  async scan(where: TableName & Readonly<{ set: string }>, visit: (element: ElementText) => void, options: Cancel): Promise<void> {
    for (const message of await this.#dumpElements(where, options)) scanElements(message, visit)
  }

  #dumpElements(where: TableName & Readonly<{ set: string }>, options: Cancel): Promise<readonly Message[]> {
    const request = nftRequest(NFT_MSG.GETSETELEM, where.family, `dump ${where.family} ${where.table} ${where.set}`)
      .string(NFTA_SET_ELEM_LIST.TABLE, where.table)
      .string(NFTA_SET_ELEM_LIST.SET, where.set)
    return this.#socket.dump(request, options)
  }

  async #dump<T>(request: MessageWriter, type: number, read: (message: Message, family: TableFamily) => T, options: Cancel): Promise<readonly T[]> {
    try {
      const replies = await this.#socket.dump(request, options)
      return replies.flatMap(message => {
        const family = familyOf(message)
        return message.type === nftMessageType(type) && family !== undefined ? [read(message, family)] : []
      })
    } catch (error) {
      // A table that is not there has no chains, rules or sets.
      if (isRefusal(error, 'ENOENT')) return []
      throw error
    }
  }

  close(): void {
    ownPorts.delete(this.#socket.port)
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

/**
 * A change that somebody made: which message, about which table and (for chains and rules) which chain. Objects come
 * first, then the generation that they make. `pid` is the committer's in the first pid namespace, `port` the address
 * of its socket, which is its pid in its own namespace when that is its first netlink socket.
 */
export type NftablesEvent =
  | Readonly<{ kind: 'object'; message: number; family: TableFamily | undefined; table: string | undefined; chain?: string }>
  | Readonly<{ kind: 'generation'; id: number; pid: number; port: number; program: string }>
  /** Notifications were lost: whoever keeps state must read it anew. */
  | Readonly<{ kind: 'overrun' }>

/** Table name attributes of all object messages have number 1 (NFTA_*_TABLE, NFTA_TABLE_NAME). */
const TABLE_ATTRIBUTE = 1

/** Where messages about chains and rules name the chain. */
const CHAIN_ATTRIBUTE: ReadonlyMap<number, number> = new Map([
  [NFT_MSG.NEWCHAIN, NFTA_CHAIN.NAME], [NFT_MSG.DELCHAIN, NFTA_CHAIN.NAME],
  [NFT_MSG.NEWRULE, NFTA_RULE.CHAIN], [NFT_MSG.DELRULE, NFTA_RULE.CHAIN],
])

export type WatchOptions = Readonly<{
  netns?: NetnsReference
  /** Commits that this process makes through `Nftables` are not told: their notifications are thrown away unread. */
  exceptOwn?: boolean
}>

/** Tells `listener` of every commit in the namespace until the socket answered is closed. */
export function watchNftables(listener: (event: NftablesEvent) => void, options: WatchOptions = {}): NetlinkSocket {
  const socket = NetlinkSocket.open({
    protocol: NETLINK_NETFILTER,
    netns: options.netns,
    receiveBufferBytes: RECEIVE_BYTES,
    onNotification: message => {
      if (options.exceptOwn !== true || !ownPorts.has(message.port)) listener(eventOf(message))
    },
    onOverrun: () => listener({ kind: 'overrun' }),
  })
  socket.join(NFNLGRP_NFTABLES)
  return socket
}

function eventOf(message: Message): NftablesEvent {
  const a = attributesOf(message)
  if (message.type === nftMessageType(NFT_MSG.NEWGEN)) {
    return { kind: 'generation', id: a.u32be(NFTA_GEN.ID) ?? 0, pid: a.u32be(NFTA_GEN.PROC_PID) ?? 0, port: message.port, program: a.string(NFTA_GEN.PROC_NAME) ?? '' }
  }
  const number = message.type & 255
  const attribute = CHAIN_ATTRIBUTE.get(number)
  const chain = attribute === undefined ? undefined : a.string(attribute)
  const event = { kind: 'object', message: number, family: familyOf(message), table: a.string(TABLE_ATTRIBUTE) } as const
  return chain === undefined ? event : { ...event, chain }
}

