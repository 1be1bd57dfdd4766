// A netlink socket as requests and answers: acknowledged requests, whole dumps, several messages in one datagram,
// notifications. Families (rtnetlink, nf_tables, conntrack, generic netlink) build on this and nothing below it.

import { NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN } from './constants.ts'
import { Exchange } from './exchange.ts'
import type { MessageWriter } from './message-writer.ts'
import { messagesIn, type Message } from './message.ts'
import { isRefusal, NetlinkError } from './netlink-error.ts'
import { droppedMessages, openRawSocket, READ_BYTES, type RawSocket, type RawSocketOptions } from './open-raw-socket.ts'

export type NetlinkSocketOptions = RawSocketOptions &
  Readonly<{
    /** Told of every message that answers no request of ours. */
    onNotification?: (message: Message) => void
    /** Told that the kernel dropped messages for us or that a read failed: whoever keeps state must read it anew. */
    onOverrun?: (error: NetlinkError) => void
  }>

export type RequestOptions = Readonly<{
  signal: AbortSignal
  /** How long to wait for the kernel's answer. It answers within the send, so only a lost answer takes this long. */
  timeoutMs?: number
}>

/** One message's outcome within a transaction. */
export type Outcome = Readonly<{ replies: readonly Message[]; error?: NetlinkError }>

const DEFAULT_TIMEOUT_MS = 20_000

/** A dump that other writers disturbed is repeated this often before it fails; never answered half. */
const DUMP_ATTEMPTS = 12

export class NetlinkSocket implements AsyncDisposable {
  readonly #raw: RawSocket['socket']
  readonly #fd: number
  #dropped = 0
  readonly #options: NetlinkSocketOptions
  /** Our own address: answers carry it; notifications may carry another's, with a sequence number of his. */
  readonly #port: number
  readonly #pending = new Map<number, Exchange>()
  #sequence = 0
  /** The kernel runs one dump per socket at a time and answers EBUSY to a second. */
  #dumps: Promise<unknown> = Promise.resolve()
  #deferred: (() => void)[] = []
  #closed = false

  private constructor({ socket: raw, fd }: RawSocket, options: NetlinkSocketOptions) {
    this.#raw = raw
    this.#fd = fd
    this.#options = options
    this.#port = raw.address().port
    raw.on('message', (datagram, info) => {
      // The library reads into READ_BYTES each time; a small answer must not keep all of it alive.
      if (info.port === 0) this.#later(() => this.#onDatagram(datagram.length < READ_BYTES / 4 ? Buffer.from(datagram) : datagram))
    })
    raw.on('truncatedMessage', () => this.#later(() => this.#onReadError(overrun(`a netlink datagram exceeds ${READ_BYTES} bytes`))))
    raw.on('error', cause => this.#later(() => this.#onReadError(overrun(`the kernel dropped netlink messages (${cause.code})`, cause))))
  }

  /** Opens a socket; synchronous, so that callers may be inside a foreign namespace already. Close it. */
  static open(options: NetlinkSocketOptions): NetlinkSocket {
    return new NetlinkSocket(openRawSocket(options), options)
  }

  /** Our address: the kernel's answers carry it, and notifications of what we caused. */
  get port(): number {
    return this.#port
  }

  /** Subscribes to a multicast group (RTNLGRP_*, NFNLGRP_*). */
  join(group: number): void {
    this.#raw.addMembership(group)
  }

  /** Lets the process end although this socket is open. */
  unref(): void {
    this.#raw.unref()
  }

  /** Sends one message and answers what the kernel sent before its acknowledgement. Rejects with NETLINK_REFUSED. */
  async request(message: MessageWriter, options: RequestOptions): Promise<readonly Message[]> {
    const [outcome] = await this.transact([message], options)
    if (outcome!.error !== undefined) throw outcome!.error
    return outcome!.replies
  }

  /**
   * Sends messages in one datagram, in order, and answers each one's outcome. All but those named in `unacknowledged`
   * are acknowledged one by one; an error about one of the latter (nf_tables' batch begin) is every message's outcome.
   */
  async transact(
    messages: readonly MessageWriter[],
    options: RequestOptions & Readonly<{ unacknowledged?: ReadonlySet<MessageWriter> }>,
  ): Promise<readonly Outcome[]> {
    options.signal.throwIfAborted()
    const started = messages.map(message => {
      const silent = options.unacknowledged?.has(message) === true
      return { silent, exchange: this.#start(message, NLM_F_REQUEST | (silent ? 0 : NLM_F_ACK)) }
    })
    const exchanges = started.map(({ exchange }) => exchange)
    const awaited = started.filter(({ silent }) => !silent).map(({ exchange }) => exchange)
    try {
      const failed = Promise.race(started.filter(({ silent }) => silent).map(({ exchange }) => exchange.done))
      const settled = Promise.all(awaited.map(exchange => exchange.done))
      const answers = await this.#deliver(exchanges, awaited.length === exchanges.length ? settled : Promise.race([settled, failed]), options)
      if (!Array.isArray(answers)) return messages.map(() => answers as Outcome)
      const outcomes = new Map(awaited.map((exchange, index) => [exchange, answers[index] as Outcome]))
      return exchanges.map(exchange => outcomes.get(exchange) ?? { replies: [] })
    } finally {
      this.#forget(exchanges)
    }
  }

  /** Asks for everything that `message` describes. Repeated while the kernel flags it as inconsistent (NLM_F_DUMP_INTR). */
  async dump(message: MessageWriter, options: RequestOptions): Promise<readonly Message[]> {
    for (let attempt = 1; ; attempt += 1) {
      const turn = this.#dumps.then(() => this.#dumpOnce(message, options))
      this.#dumps = turn.then(() => {}, () => {})
      const { replies, error, interrupted } = await turn
      if (!interrupted && error === undefined) return replies
      // A dump that an aborted caller left behind may still run in the kernel.
      if (error !== undefined && !isRefusal(error, 'EBUSY', 'EINTR')) throw error
      if (attempt === DUMP_ATTEMPTS) {
        throw error ?? new NetlinkError('NETLINK_DUMP_INTERRUPTED', `${message.head.operation}: changed under the reader ${DUMP_ATTEMPTS} times in a row`, { operation: message.head.operation }, { retryable: true })
      }
    }
  }

  async #dumpOnce(message: MessageWriter, options: RequestOptions): Promise<Outcome & { interrupted: boolean }> {
    options.signal.throwIfAborted()
    const exchange = this.#start(message, NLM_F_REQUEST | NLM_F_DUMP)
    try {
      const outcome = await this.#deliver([exchange], exchange.done, options)
      return { ...outcome, interrupted: exchange.interrupted }
    } finally {
      this.#forget([exchange])
    }
  }

  #start(message: MessageWriter, flags: number): Exchange {
    if (this.#closed) throw new NetlinkError('NETLINK_CLOSED', `${message.head.operation}: the netlink socket is closed`, { operation: message.head.operation })
    do this.#sequence = (this.#sequence + 1) >>> 0
    while (this.#sequence === 0 || this.#pending.has(this.#sequence))
    const exchange = new Exchange(message.head.operation, this.#sequence, message.finish(this.#sequence, message.head.flags | flags))
    this.#pending.set(this.#sequence, exchange)
    return exchange
  }

  /** Sends the exchanges' messages as one datagram and waits for `answer`, the deadline or the signal. */
  async #deliver<T>(exchanges: readonly Exchange[], answer: Promise<T>, options: RequestOptions): Promise<T> {
    const { promise: broken, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(options.signal.reason)
    const operation = exchanges[0]?.operation ?? 'nothing'
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const timer = setTimeout(
      () => reject(new NetlinkError('NETLINK_TIMEOUT', `${operation}: no answer from the kernel within ${timeoutMs} ms`, { operation }, { retryable: true })),
      timeoutMs,
    )
    options.signal.addEventListener('abort', abort, { once: true })
    try {
      this.#raw.send(exchanges.length === 1 ? exchanges[0]!.sent : Buffer.concat(exchanges.map(exchange => exchange.sent)), undefined, cause => {
        if (cause) this.#later(() => reject(new NetlinkError('NETLINK_REFUSED', `${operation}: sending failed with ${cause.code}`, { operation, refusal: { errno: Math.abs(cause.errno), errnoName: cause.code } }, { cause })))
      })
      return await Promise.race([answer, broken])
    } finally {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', abort)
    }
  }

  #forget(exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) this.#pending.delete(exchange.sequence)
  }

  #onDatagram(datagram: Buffer): void {
    let messages: readonly Message[]
    try {
      messages = messagesIn(datagram)
    } catch (error) {
      this.#onReadError(error as NetlinkError)
      return
    }
    for (const message of messages) this.#onMessage(message)
  }

  #onMessage(message: Message): void {
    if (this.#closed) return
    if (message.type === NLMSG_NOOP) return
    if (message.type === NLMSG_OVERRUN) {
      this.#onReadError(overrun('the kernel reports lost netlink messages'))
      return
    }
    const exchange = this.#pending.get(message.sequence)
    if (exchange !== undefined && message.port === this.#port) exchange.receive(message)
    else if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) this.#options.onNotification?.(message)
  }

  /** Lost datagrams may hold anybody's answer: everyone who waits is told. */
  #onReadError(error: NetlinkError): void {
    for (const exchange of this.#pending.values()) exchange.fail(error)
    this.#options.onOverrun?.(error)
  }

  /**
   * Leaves the library's callback before anything else happens. What runs inside one, promise continuations included, may
   * neither throw nor close the socket: the add-on answers both with an abort of the process.
   */
  #later(work: () => void): void {
    this.#deferred.push(work)
    if (this.#deferred.length > 1) return
    setImmediate(() => {
      const works = this.#deferred
      this.#deferred = []
      for (const each of works) each()
      this.#noticeDrops()
    })
  }

  /** A drop happens only while messages wait to be read, so looking behind every read misses none. */
  #noticeDrops(): void {
    if (this.#closed) return
    const dropped = droppedMessages(this.#fd)
    if (dropped === this.#dropped) return
    this.#dropped = dropped
    this.#onReadError(overrun('the kernel dropped netlink messages that were not read in time'))
  }

  /** Whoever waits for an answer is told at once; the descriptor is gone within this turn of the event loop. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const error = new NetlinkError('NETLINK_CLOSED', 'the netlink socket was closed while an answer was outstanding')
    for (const exchange of this.#pending.values()) exchange.fail(error)
    setImmediate(() => this.#raw.close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await new Promise(setImmediate)
  }
}

const overrun = (what: string, cause?: unknown): NetlinkError =>
  new NetlinkError('NETLINK_OVERRUN', `${what}: read the state anew`, {}, { cause, retryable: true })
