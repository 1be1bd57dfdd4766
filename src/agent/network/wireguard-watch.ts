// WireGuard tells nobody when a peer or a key is changed (drivers/net/wireguard/netlink.c has no multicast group up to
// Linux 6.12), so its devices are looked at once a second: one short dump each, and a pass only when something is wrong.

import type { Clock } from '../../ops/clock.ts'
import { isAbort } from '../../ops/errors.ts'
import type { Logger } from '../../ops/log.ts'
import type { KernelDataplane } from '../dataplane/kernel.ts'
import { planWireguardDevices } from '../dataplane/wireguard-plan.ts'
import type { NetworkLoop } from './network-loop.ts'

const PERIOD_MS = 1_000

/** Returns when `signal` aborts. */
export async function ringOnWireguardChange(
  { kernel, network, log, clock, signal }: Readonly<{ kernel: KernelDataplane; network: Pick<NetworkLoop, 'desired' | 'doorbell' | 'state'>; log: Logger; clock: Clock; signal: AbortSignal }>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(PERIOD_MS, { signal })
      const { desired } = network
      // Steps that fail are tried again by themselves, later and later.
      if (desired === undefined || network.state.failed.length > 0) continue
      const wireguard = await kernel.observeWireguard(desired.wireguard.map(({ link }) => link), { signal })
      if (planWireguardDevices(desired, { wireguard }).length > 0) network.doorbell.ring('WireGuard changed')
    } catch (err) {
      if (isAbort(err, signal)) return
      log.warn({ err }, 'cannot look at the WireGuard devices')
    }
  }
}
