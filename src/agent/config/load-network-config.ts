// Waits for net-conf.json. A file that is not there yet is normal at boot; one that is wrong needs a person.

import { readFile } from 'node:fs/promises'
import { backoffMs, type Backoff } from '../../ops/backoff.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import { parseNetworkConfig, type NetworkConfig, type StoreKind } from './network-config.ts'

const WAIT: Backoff = { initialMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.2 }

export async function loadNetworkConfigFile(
  path: string,
  options: Readonly<{ store: StoreKind; log: Logger; clock: Clock; random: () => number; signal: AbortSignal }>,
): Promise<NetworkConfig> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await readNetworkConfigFile(path, options.store)
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err
      options.log.warn({ file: path, failures }, 'waiting for the network configuration')
      await options.clock.sleep(backoffMs(WAIT, failures, options.random()), { signal: options.signal })
    }
  }
}

/** Reads it once. Throws when it is absent or wrong. */
export const readNetworkConfigFile = async (path: string, store: StoreKind): Promise<NetworkConfig> => parseNetworkConfig(await readFile(path, 'utf8'), { source: path, store })
