// What the mesh probe has told, as metrics by peer.

import { Gauge, type Registry } from '../../ops/metrics.ts'
import { faultOf, lossOf, pathMtuOf, roundTripOf, type PeerPath } from '../mesh/peer-path.ts'

export class MeshMetrics {
  readonly #roundTrip: Gauge<'peer' | 'family' | 'way'>
  readonly #loss: Gauge<'peer' | 'family' | 'way'>
  readonly #mtu: Gauge<'peer' | 'family'>
  readonly #faults: Gauge<'fault'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.#roundTrip = new Gauge({ name: 'weft_agent_peer_round_trip_seconds', help: 'Newest round trip to a peer, host to host or through the tunnel', labelNames: ['peer', 'family', 'way'], registers })
    this.#loss = new Gauge({ name: 'weft_agent_peer_loss_ratio', help: 'Share of the last probes of a peer that were not answered', labelNames: ['peer', 'family', 'way'], registers })
    this.#mtu = new Gauge({ name: 'weft_agent_peer_path_mtu_bytes', help: 'Largest packet that reached a peer', labelNames: ['peer', 'family'], registers })
    this.#faults = new Gauge({ name: 'weft_agent_peer_faults', help: 'Peers whose way is broken, by kind of fault', labelNames: ['fault'], registers })
  }

  /** Peers that are gone leave no series behind. */
  record(paths: readonly PeerPath[]): void {
    for (const gauge of [this.#roundTrip, this.#loss, this.#mtu, this.#faults]) gauge.reset()
    for (const path of paths) {
      const labels = { peer: path.owner, family: String(path.family) }
      for (const way of ['host', 'tunnel'] as const) {
        const [milliseconds, loss] = [roundTripOf(path, way), lossOf(path, way)]
        if (milliseconds !== undefined) this.#roundTrip.set({ ...labels, way }, milliseconds / 1000)
        if (loss !== undefined) this.#loss.set({ ...labels, way }, loss)
      }
      const mtu = pathMtuOf(path)
      if (mtu !== undefined) this.#mtu.set(labels, mtu)
      const fault = faultOf(path)
      if (fault !== undefined) this.#faults.inc({ fault })
    }
  }
}
