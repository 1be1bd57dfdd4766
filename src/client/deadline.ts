// A signal with a deadline that leaves nothing behind on its long-lived parent.

/** Aborts with the parent's reason, or with a TimeoutError after `timeoutMs`. Dispose when the work is over. */
export function withDeadline(parent: AbortSignal, timeoutMs: number | undefined): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const follow = (): void => controller.abort(parent.reason)
  if (parent.aborted) follow()
  else parent.addEventListener('abort', follow, { once: true })
  const timer = timeoutMs === undefined
    ? undefined
    : setTimeout(() => controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')), timeoutMs)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      parent.removeEventListener('abort', follow)
    },
  }
}
