// The mesh probe at work: its sockets, its effect on the network loop, its metrics.

import { randomInt } from 'node:crypto'
import { answersDatagrams } from '../../net/icmp/closed-port.ts'
import { EchoSocket } from '../../net/icmp/echo-socket.ts'
import { sameAddress, type Family } from '../../net/ip/address.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { BackendConfig } from '../config/backend-config.ts'
import type { MeshMetrics } from '../health/mesh-metrics.ts'
import { entriesOf, familiesOf, type PerFamily } from '../leases/per-family.ts'
import type { NetworkLoop } from '../network/network-loop.ts'
import { MeshProber } from './mesh-prober.ts'
import { afterRound, BEGINNING, isOff, type OffloadTrial } from './offload-trial.ts'
import { planTargets } from './targets-plan.ts'

export type MeshProbeParts = Readonly<{
  network: NetworkLoop
  backend: () => BackendConfig
  pools: PerFamily<unknown>
  intervalMs: number
  metrics: MeshMetrics
  log: Logger
  clock: Clock
}>

/** Made at once, so that health can ask it; probes while `run` runs. */
export class MeshProbe {
  readonly prober: MeshProber
  readonly #parts: MeshProbeParts
  #sockets: ReadonlyMap<Family, EchoSocket> = new Map()
  #trial: OffloadTrial = BEGINNING

  constructor(parts: MeshProbeParts) {
    this.#parts = parts
    const { network, backend, log, clock, intervalMs } = parts
    this.prober = new MeshProber({
      intervalMs, log, clock, answersDatagrams,
      targets: () => {
        const { peers, own, underlay, complete } = network.state
        return complete ? planTargets({ backend: backend(), peers, subnets: own.subnets, underlay }) : []
      },
      echoes: family => this.#sockets.get(family)!,
      onPathMtu: () => network.doorbell.ring('path MTU changed'),
      onDatagrams: answers => {
        this.#tryOffload(answers)
        parts.metrics.record(this.prober.paths)
      },
    })
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    using sockets = new DisposableStack()
    this.#sockets = new Map(familiesOf(this.#parts.pools).map(family => [family, sockets.use(EchoSocket.open(family, randomInt(1, 0x1_0000)))]))
    await this.prober.run({ signal })
  }

  /** Behind NAT the offload is off anyway, and what an operator has set is not ours to try. */
  #tryOffload(answers: readonly boolean[]): void {
    const { network, log } = this.#parts
    const backend = this.#parts.backend()
    const { published, addresses, underlay } = { ...network.state.underlay, underlay: network.state.underlay }
    if (backend.kind !== 'vxlan' || backend.txChecksumOffload !== 'auto' || entriesOf(published).some(([family, address]) => !sameAddress(address, addresses[family]!))) return
    const before = this.#trial
    this.#trial = afterRound(before, answers)
    if (this.#trial.state === before.state) return
    const link = underlay.link
    if (this.#trial.state === 'trying') log.warn({ link }, 'no peer answers datagrams through the tunnel; trying without transmit checksum offload')
    if (this.#trial.state === 'proven') log.warn({ link }, 'checksums of the tunnel were computed wrongly below it; the transmit checksum offload of the tunnel device is off now')
    if (this.#trial.state === 'excused') log.info({ link }, 'datagrams are dropped by something else than wrong checksums, such as a firewall; the checksum offload is on again')
    if (isOff(this.#trial) !== isOff(before)) network.overrideTxChecksum(isOff(this.#trial) ? 'off' : 'on')
  }
}
