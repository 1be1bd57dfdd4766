// Ends a stream that has fallen silent, without confusing that with being told to stop.

/** Aborts its `signal` with the parent, or when it was not armed anew in time. */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal
  readonly #follow = (): void => this.#controller.abort(this.#parent.reason)
  #timer: NodeJS.Timeout | undefined
  /** True once silence, not the parent, ended it. */
  barked = false

  constructor(parent: AbortSignal) {
    this.#parent = parent
    if (parent.aborted) this.#follow()
    else parent.addEventListener('abort', this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Starts counting `silenceMs` from now. */
  arm(silenceMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.barked = true
      this.#controller.abort(new DOMException(`silent for ${silenceMs} ms`, 'TimeoutError'))
    }, silenceMs)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#parent.removeEventListener('abort', this.#follow)
  }
}
