// The file that makes container runtimes use Weft.

import { CNI_VERSIONS, isAtLeast } from '../version.ts'

export const CONFIGURATION_FILE = '10-weft.conflist'
export const PLUGIN_NAME = 'weft-cni'

/**
 * Subnets, MTU and bridge address come from the agent's lease at the time of each request, so the file never changes when
 * the lease does: a rewrite would race with the runtime's reader.
 */
export function formatConfigurationList(network: string): string {
  const list = {
    cniVersion: '1.0.0',
    // Runtimes that know the key pick the newest that they speak (specification 1.1, "Network configuration format").
    cniVersions: CNI_VERSIONS.filter(version => isAtLeast(version, '0.4.0')),
    name: network,
    plugins: [{ type: PLUGIN_NAME, capabilities: { portMappings: true, bandwidth: true, ips: true, mac: true, ipRanges: true } }],
  }
  return `${JSON.stringify(list, null, 2)}\n`
}
