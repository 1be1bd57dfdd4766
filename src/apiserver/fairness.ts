// How many requests may be under way, in all and per user, so that nobody starves the rest. Watches count while
// they are being opened, and have a limit of their own while they are open.

import { MASTERS_GROUP } from './authentication/user.ts'
import type { UserInfo } from '../api/registry/strategy.ts'
import { tooManyInFlight } from './http/errors.ts'

export type FairnessLimits = Readonly<{
  /** kube-apiserver's --max-requests-inflight: requests that read. */
  reads: number
  /** kube-apiserver's --max-mutating-requests-inflight: requests that write. */
  writes: number
  /** Open watches of one user (we chose it: a thousand nodes under one name would be fine). */
  watchesPerUser: number
}>

export const DEFAULT_LIMITS: FairnessLimits = { reads: 400, writes: 200, watchesPerUser: 20_000 }

export type RequestKind = 'read' | 'write' | 'watch'

export class Fairness {
  readonly #limits: FairnessLimits
  readonly #total = { read: 0, write: 0, watch: 0 }
  readonly #perUser = { read: new Map<string, number>(), write: new Map<string, number>(), watch: new Map<string, number>() }

  constructor(limits: FairnessLimits) {
    this.#limits = limits
  }

  inFlight(kind: RequestKind): number {
    return this.#total[kind]
  }

  /** Lets a request in; dispose of the answer when it is done. Throws 429. */
  enter(kind: RequestKind, user: UserInfo): Disposable {
    const users = this.#perUser[kind]
    const mine = users.get(user.username) ?? 0
    if (!user.groups.includes(MASTERS_GROUP) && this.#isFull(kind, mine)) throw tooManyInFlight()
    this.#total[kind] += 1
    users.set(user.username, mine + 1)
    return {
      [Symbol.dispose]: () => {
        this.#total[kind] -= 1
        const left = users.get(user.username)! - 1
        if (left === 0) users.delete(user.username)
        else users.set(user.username, left)
      },
    }
  }

  /** One user may hold half of what there is; the other half stays for the others. */
  #isFull(kind: RequestKind, mine: number): boolean {
    if (kind === 'watch') return mine >= this.#limits.watchesPerUser
    const limit = kind === 'read' ? this.#limits.reads : this.#limits.writes
    return this.#total[kind] >= limit || mine >= Math.max(1, limit / 2)
  }
}
