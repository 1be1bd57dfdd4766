// Tells the rest of the host that its pod network works: subnet.env, the CNI server, the store. Only when devices and
// rules are in place, and again whenever what they were told is no longer true.

import type { CniServer } from '../../../cni/plugin/options.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { Doorbell, reconcileLoop } from '../../ops/wake.ts'
import { formatSubnetEnv, type SubnetEnv } from '../config/subnet-env.ts'
import { writeSubnetEnv } from '../config/write-subnet-env.ts'
import { entriesOf } from '../leases/per-family.ts'

export type AnnouncerParts = Readonly<{
  subnetFile: string
  /** What to announce; undefined while devices or rules are not in place. */
  current: () => SubnetEnv | undefined
  cni: CniServer | undefined
  /** Told once, at the first announcement. */
  onReady: () => void
  log: Logger
  clock: Clock
  random: () => number
}>

const RESYNC_MS = 30_000
const RETRY: Backoff = { initialMs: 500, maxMs: 30_000, factor: 2, jitter: 0.2 }

export class Announcer {
  readonly doorbell = new Doorbell()
  readonly #parts: AnnouncerParts
  #told: string | undefined
  #trouble: string | undefined = 'subnet.env is not written yet'

  constructor(parts: AnnouncerParts) {
    this.#parts = parts
  }

  /** What keeps the announcement from being true; undefined when it is. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, log, random, subnetFile } = this.#parts
    await reconcileLoop({
      doorbell: this.doorbell,
      pass: () => this.#pass(),
      onFailure: (err, failures) => {
        this.#trouble = `${subnetFile}: ${(err as Error).message}`
        log.error({ err, failures, file: subnetFile }, 'cannot announce the pod network')
      },
      resyncIntervalMs: RESYNC_MS,
      retryMs: failures => backoffMs(RETRY, failures, random()),
      clock, signal,
    })
  }

  async #pass(): Promise<void> {
    const { current, subnetFile, cni, log, onReady } = this.#parts
    const env = current()
    if (env === undefined) return
    const text = formatSubnetEnv(env)
    if (await writeSubnetEnv(subnetFile, text)) log.info({ file: subnetFile, subnet: entriesOf(env.subnets).map(([, subnet]) => formatPrefix(subnet)), mtu: env.mtu }, 'wrote subnet.env')
    if (this.#told !== text) {
      cni?.setLease({ subnets: entriesOf(env.subnets).map(([, subnet]) => subnet), mtu: env.mtu, clusterCidrs: entriesOf(env.networks).map(([, network]) => network) })
      await cni?.publish()
    }
    const first = this.#told === undefined
    this.#told = text
    this.#trouble = undefined
    if (first) onReady()
  }
}
