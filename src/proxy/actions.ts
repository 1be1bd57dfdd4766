// What `weft proxy` can do besides running: clean up, and prepare a host with full privileges.

import { WeftError } from '../ops/errors.ts'
import type { Logger } from '../ops/log.ts'
import type { ProxyConfig } from './config/proxy-config.ts'
import { cleanupIptables } from './iptables-backend/cleanup.ts'
import { allowLoopbackNodePorts, applyConntrackSettings } from './node/kernel-settings.ts'
import { PROXY_TABLES, removeTables } from './other-mode.ts'
import { prefixesOf, servesLoopback } from './node/node-port-addresses.ts'

/** Removes the rules of all modes and families. Needs no API server. Throws when something had to stay. */
export async function cleanupProxy({ log, signal }: Readonly<{ log: Logger; signal: AbortSignal }>): Promise<void> {
  for (const family of [4, 6] as const) {
    await removeTables(family, PROXY_TABLES, { signal })
    const held = await cleanupIptables({ family, signal })
    if (held.length > 0) {
      throw new WeftError('PROXY_CLEANUP_INCOMPLETE', `chains ${held.join(', ')} (IPv${family}) are emptied but stay, because rules of others jump to them; remove those and run --cleanup again`, { family, chains: held })
    }
  }
  log.info('cleaned up')
}

/** Makes the kernel settings, so that the proxy itself can run with CAP_NET_ADMIN only. */
export function initOnly(config: ProxyConfig, log: Logger): void {
  applyConntrackSettings(config.conntrack, log)
  const prefixes = prefixesOf(config.nodePortAddresses, 4, undefined)
  if (config.mode === 'iptables' && servesLoopback(config.iptables.localhostNodePorts, 4, prefixes)) allowLoopbackNodePorts()
}
