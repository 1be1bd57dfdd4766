// One request under way: collects what the kernel answers to its sequence number until an acknowledgement ends it.

import { refusalIn } from './acknowledgement.ts'
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from './constants.ts'
import type { Message } from './message.ts'
import { refused, type NetlinkError } from './netlink-error.ts'

export class Exchange {
  readonly operation: string
  readonly sequence: number
  /** The message as sent. */
  readonly sent: Buffer
  /** Settles with the kernel's verdict; never rejects. */
  readonly done: Promise<Readonly<{ replies: readonly Message[]; error?: NetlinkError }>>
  /** Some part of the answer carried NLM_F_DUMP_INTR. */
  interrupted = false
  readonly #replies: Message[] = []
  readonly #settle: (outcome: Readonly<{ replies: readonly Message[]; error?: NetlinkError }>) => void

  constructor(operation: string, sequence: number, sent: Buffer) {
    this.operation = operation
    this.sequence = sequence
    this.sent = sent
    const { promise, resolve } = Promise.withResolvers<Readonly<{ replies: readonly Message[]; error?: NetlinkError }>>()
    this.done = promise
    this.#settle = resolve
  }

  receive(message: Message): void {
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) this.interrupted = true
    if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
      this.#replies.push(message)
      return
    }
    const refusal = refusalIn(message, this.sent)
    this.#settle(refusal === undefined ? { replies: this.#replies } : { replies: this.#replies, error: refused(this.operation, refusal) })
  }

  fail(error: NetlinkError): void {
    this.#settle({ replies: this.#replies, error })
  }
}
