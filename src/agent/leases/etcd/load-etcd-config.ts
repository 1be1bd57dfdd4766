// Waits for the network configuration under <prefix>/config, as flanneld does.

import { backoffMs, type Backoff } from '../../../ops/backoff.ts'
import type { Clock } from '../../../ops/clock.ts'
import { WeftError } from '../../../ops/errors.ts'
import type { Logger } from '../../../ops/log.ts'
import { parseNetworkConfig, type NetworkConfig } from '../../config/network-config.ts'
import { EtcdError } from './etcd-error.ts'
import type { EtcdRegistry } from './etcd-registry.ts'

const WAIT: Backoff = { initialMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 }
const LOG_EVERY_MS = 60_000

export async function loadEtcdConfig(
  registry: EtcdRegistry,
  options: Readonly<{ prefix: string; log: Logger; clock: Clock; random: () => number; signal: AbortSignal }>,
): Promise<NetworkConfig> {
  const { prefix, log, clock, random, signal } = options
  let toldMs = -Infinity
  for (let failures = 1; ; failures += 1) {
    let reason: WeftError
    try {
      return await readEtcdConfig(registry, { prefix, signal })
    } catch (error) {
      if (!(error instanceof EtcdError || (error instanceof WeftError && error.code === 'CONFIG_ABSENT'))) throw error
      reason = error
    }
    if (clock.monotonicMs() - toldMs >= LOG_EVERY_MS) {
      toldMs = clock.monotonicMs()
      log.warn({ err: reason, failures }, 'waiting for the network configuration')
    }
    await clock.sleep(backoffMs(WAIT, failures, random()), { signal })
  }
}

/** Reads it once. Throws CONFIG_ABSENT, EtcdError, or InputError when it is wrong. */
export async function readEtcdConfig(registry: EtcdRegistry, { prefix, signal }: Readonly<{ prefix: string; signal: AbortSignal }>): Promise<NetworkConfig> {
  const text = await registry.readConfig({ signal })
  if (text !== undefined) return parseNetworkConfig(text, { source: `${prefix}/config`, store: 'etcd' })
  throw new WeftError('CONFIG_ABSENT', `there is no key ${prefix}/config yet; write the network configuration there`, { key: `${prefix}/config` }, { retryable: true })
}
