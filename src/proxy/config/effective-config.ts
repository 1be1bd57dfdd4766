// The configuration in force as a KubeProxyConfiguration: what /configz answers and --write-config-to writes.

import { formatAddress } from '../../net/ip/address.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { formatDuration } from './duration.ts'
import type { HostPort, ModeConfig, ProxyConfig } from './proxy-config.ts'
import { CONFIG_API_VERSION, CONFIG_KIND } from './read-config.ts'

const at = (value: HostPort | undefined): string => (value === undefined ? '' : formatHostPort(value.host, value.port))

const mode = (config: ModeConfig): object => ({
  masqueradeBit: config.masqueradeBit,
  masqueradeAll: config.masqueradeAll,
  syncPeriod: formatDuration(config.syncPeriodMs),
  minSyncPeriod: formatDuration(config.minSyncPeriodMs),
})

export function effectiveConfig(config: ProxyConfig): object {
  const { conntrack } = config
  return {
    apiVersion: CONFIG_API_VERSION,
    kind: CONFIG_KIND,
    mode: config.mode,
    bindAddress: formatAddress(config.bindAddress),
    bindAddressHardFail: config.bindAddressHardFail,
    healthzBindAddress: at(config.healthz),
    metricsBindAddress: at(config.metrics),
    enableProfiling: config.profiling,
    hostnameOverride: config.hostnameOverride,
    clientConnection: { kubeconfig: config.kubeconfig },
    clusterCIDR: Object.values(config.clusterCidrs).map(formatPrefix).join(','),
    detectLocalMode: config.detectLocalMode,
    detectLocal: { bridgeInterface: config.bridgeInterface, interfaceNamePrefix: config.interfaceNamePrefix },
    nodePortAddresses: config.nodePortAddresses === 'all' ? [] : config.nodePortAddresses === 'primary' ? ['primary'] : config.nodePortAddresses.map(formatPrefix),
    iptables: { ...mode(config.iptables), localhostNodePorts: config.iptables.localhostNodePorts },
    nftables: mode(config.nftables),
    conntrack: {
      maxPerCore: conntrack.maxPerCore,
      min: conntrack.min,
      tcpEstablishedTimeout: formatDuration(conntrack.tcpEstablishedTimeoutMs),
      tcpCloseWaitTimeout: formatDuration(conntrack.tcpCloseWaitTimeoutMs),
      tcpBeLiberal: conntrack.tcpBeLiberal,
      udpTimeout: formatDuration(conntrack.udpTimeoutMs),
      udpStreamTimeout: formatDuration(conntrack.udpStreamTimeoutMs),
    },
    oomScoreAdj: config.oomScoreAdj,
    featureGates: { AllowServiceExternalIPs: config.allowExternalIps },
  }
}
