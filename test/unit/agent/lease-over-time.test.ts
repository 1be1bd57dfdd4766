// The lease of a host over long times: a clock that is set (T77), a store that goes back (T16).

import test from 'ava'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { ClockSteps } from '../../../src/agent/health/clock-steps.ts'
import { EtcdLeaseManager } from '../../../src/agent/leases/etcd/etcd-lease-manager.ts'
import type { EtcdEntry, EtcdRegistry } from '../../../src/agent/leases/etcd/etcd-registry.ts'
import type { Clock } from '../../../src/ops/clock.ts'
import { silentLog } from '../../../src/ops/log.ts'

const DAY_MS = 86_400_000

/** Both clocks as a test sets them; sleeps end when time is let pass. */
class SetClock implements Clock {
  #wallMs = 1_700_000_000_000
  #monotonicMs = 0
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void; signal: AbortSignal }>()

  now = (): number => this.#wallMs
  monotonicMs = (): number => this.#monotonicMs

  sleep = (durationMs: number, { signal }: { signal: AbortSignal }): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#sleepers.add({ untilMs: this.#monotonicMs + durationMs, wake: resolve, signal })
    })

  set(byMs: number): void {
    this.#wallMs += byMs
  }

  /** Lets time pass in steps, with a chance for everybody to act in between. */
  async pass(durationMs: number, stepMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += stepMs) {
      this.#wallMs += stepMs
      this.#monotonicMs += stepMs
      for (const sleeper of this.#sleepers) {
        if (sleeper.untilMs > this.#monotonicMs) continue
        this.#sleepers.delete(sleeper)
        sleeper.wake()
      }
      for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve))
    }
  }
}

/** An etcd of one key that counts its writes. */
class OneLease implements EtcdRegistry {
  writes = 0
  #entry: EtcdEntry | undefined
  #revision = 1

  readConfig = async () => undefined
  list = async () => ({ revision: String(this.#revision), entries: this.#entry === undefined ? [] : [this.#entry] })
  /** Ends the running watch, as a server that goes does. */
  breakWatch = (): void => {}

  /** The state of an earlier copy: no lease, and a revision that was long passed. */
  restore(): void {
    this.#entry = undefined
    this.#revision = 1
    this.breakWatch()
  }

  get lease(): EtcdEntry | undefined {
    return this.#entry
  }

  async *watch(_: string, { signal }: { signal: AbortSignal }): AsyncGenerator<never> {
    await new Promise((_resolve, reject) => {
      this.breakWatch = () => reject(new Error('the server went'))
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  count = async () => ({ total: 1, changed: 0 })
  grant = async () => String(100 + this.#revision)
  revoke = async () => {}
  timeToLive = async () => 3_600
  put = async (entry: Readonly<{ name: string; value: string; leaseId: string }>) => {
    this.writes += 1
    this.#revision += 1
    this.#entry = { name: entry.name, value: entry.value, leaseId: entry.leaseId, createRevision: '2', modRevision: String(this.#revision) }
    return String(this.#revision)
  }

  remove = async () => true
  async [Symbol.asyncDispose](): Promise<void> {}
}

function managerOf(registry: OneLease, clock: Clock): EtcdLeaseManager {
  const network = parsePrefix('10.3.0.0/16', 'n')
  return new EtcdLeaseManager({
    registry, clock, nodeId: 'me', previous: {}, previousInUse: async () => false, localAddresses: async () => [], endpoints: [], ttlSeconds: 86_400, renewMarginSeconds: 3_600,
    takeOver: false, allowRenumber: false, onLost: 'exit', log: silentLog(), random: () => 0,
    pools: { 4: { network, subnetLength: 24, first: parseAddress('10.3.1.0', 'a'), last: parseAddress('10.3.255.0', 'a') } },
  })
}

const ATTRIBUTES = { publicIps: { 4: parseAddress('192.0.2.1', 'a') }, backendType: 'vxlan', backendData: {} }

test('T16: a store that has gone back to an earlier state gets the host\'s lease again, under the same subnet', async t => {
  const clock = new SetClock()
  const registry = new OneLease()
  const stop = new AbortController()
  const manager = managerOf(registry, clock)
  const { owner } = await manager.acquire(ATTRIBUTES, { onWait: () => {}, signal: stop.signal })
  const watching = manager.watch(() => {}, { signal: stop.signal })
  await clock.pass(120_000, 1_000)
  t.is(registry.writes, 1)
  registry.restore()
  t.is(registry.lease, undefined)
  await clock.pass(120_000, 1_000)
  t.is(registry.lease?.name, owner)
  t.is(registry.writes, 2)
  stop.abort()
  await watching.catch(() => {})
})

test('T77: a clock set by a day either way neither renews a lease nor keeps one from its renewal', async t => {
  const clock = new SetClock()
  const registry = new OneLease()
  const stop = new AbortController()
  const manager = managerOf(registry, clock)
  await manager.acquire(ATTRIBUTES, { onWait: () => {}, signal: stop.signal })
  const watching = manager.watch(() => {}, { signal: stop.signal })
  t.is(registry.writes, 1)
  await clock.pass(3_600_000, 60_000)
  for (const byMs of [DAY_MS, -2 * DAY_MS, DAY_MS]) {
    clock.set(byMs)
    await clock.pass(3_600_000, 60_000)
    t.is(registry.writes, 1)
  }
  // 23 hours of real time after it was written.
  await clock.pass(20 * 3_600_000, 60_000)
  t.is(registry.writes, 2)
  stop.abort()
  await watching.catch(() => {})
})

test('T77: a step is told once and stays on health for a while, slewing is none', async t => {
  const clock = new SetClock()
  const steps = new ClockSteps({ clock, log: silentLog() })
  clock.set(500)
  steps.look()
  t.deepEqual(steps.warnings, [])
  clock.set(-DAY_MS)
  steps.look()
  t.regex(steps.warnings.join(), /^the clock of this host was set back by 86400 s; .*WireGuard peers refuse this host/)
  steps.look()
  await clock.pass(601_000, 1_000)
  t.deepEqual(steps.warnings, [])
  clock.set(3_600_000)
  steps.look()
  t.regex(steps.warnings.join(), /set forward by 3600 s/)
})
