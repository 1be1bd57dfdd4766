// Order and bounds of requests: one at a time per attachment, first come first served; many attachments at once up to a
// bound; deletions are never starved by additions; garbage collection runs alone.

import { CniError } from '../cni-error.ts'

export type Lane = 'ADD' | 'DEL' | 'OTHER'

type Waiting = Readonly<{ key: string; lane: Lane; alone: boolean; start: () => void }>

const MAX_RUNNING = 64
const MAX_WAITING = 2048

export class Scheduler {
  readonly #waiting: Waiting[] = []
  readonly #busy = new Set<string>()
  #running = 0
  #aloneRunning = false
  #lastLane: Lane = 'DEL'

  get inFlight(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs `work` when its turn comes. Beyond the bound of waiting requests it is refused with "try again". */
  async run<T>(options: Readonly<{ key: string; lane: Lane }>, work: () => Promise<T>): Promise<T> {
    return await this.#run({ ...options, alone: false }, work)
  }

  /** Runs `work` with nothing else running. */
  async runAlone<T>(work: () => Promise<T>): Promise<T> {
    return await this.#run({ key: '', lane: 'OTHER', alone: true }, work)
  }

  async #run<T>(options: Readonly<{ key: string; lane: Lane; alone: boolean }>, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new CniError('CNI_TRY_AGAIN_LATER', `${MAX_WAITING} requests are waiting on this host already; try again later`)
    }
    const started = new Promise<void>(start => this.#waiting.push({ ...options, start }))
    this.#startNext()
    await started
    try {
      return await work()
    } finally {
      this.#running -= 1
      if (options.alone) this.#aloneRunning = false
      else this.#busy.delete(options.key)
      this.#startNext()
    }
  }

  #startNext(): void {
    for (;;) {
      const index = this.#pick()
      if (index === -1) return
      const [next] = this.#waiting.splice(index, 1)
      this.#running += 1
      if (next!.alone) this.#aloneRunning = true
      else this.#busy.add(next!.key)
      this.#lastLane = next!.lane
      next!.start()
    }
  }

  /** The oldest request that may start, the other of ADD and DEL first. Nothing overtakes one that waits to run alone. */
  #pick(): number {
    if (this.#aloneRunning || this.#running >= MAX_RUNNING) return -1
    const preferred = this.#lastLane === 'ADD' ? 'DEL' : 'ADD'
    const blocked = new Set(this.#busy)
    let first = -1
    for (const [index, { key, lane, alone }] of this.#waiting.entries()) {
      if (alone) {
        if (index === 0 && this.#running === 0) return 0
        break
      }
      if (blocked.has(key)) continue
      blocked.add(key) // whoever comes later for the same attachment waits behind this one
      if (lane === preferred) return index
      if (first === -1) first = index
    }
    return first
  }
}
