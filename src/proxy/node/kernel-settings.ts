// Settings of the kernel that the proxy makes at its start (specification 2.7 and 5.2 of kube-proxy's behaviour).

import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Logger } from '../../ops/log.ts'
import { readSysctl, writeSysctls } from '../../net/sysctl/sysctl.ts'
import type { ProxyConfig } from '../config/proxy-config.ts'

/** k8s.io/kubernetes/cmd/kube-proxy/app/server_linux.go: more than this buys nothing and costs memory. */
const MAX_CONNTRACK_ENTRIES = 1 << 20
const HASH_SIZE = '/sys/module/nf_conntrack/parameters/hashsize'
/** net/netfilter/nf_conntrack_core.c: buckets are sized for four entries each. */
const ENTRIES_PER_BUCKET = 4

/** Entries that the table should hold; undefined leaves the kernel's choice. */
export function conntrackEntries(config: ProxyConfig['conntrack'], cores: number): number | undefined {
  if (config.maxPerCore === 0) return undefined
  return Math.min(MAX_CONNTRACK_ENTRIES, Math.max(config.maxPerCore * cores, config.min))
}

/**
 * Applies the conntrack settings. The table's size belongs to the whole machine: inside a network namespace it can
 * only be read, which is reported and no obstacle. Throws SYSCTL_FAILED for the others.
 */
export function applyConntrackSettings(config: ProxyConfig['conntrack'], log: Logger): void {
  const entries = conntrackEntries(config, availableParallelism())
  if (entries !== undefined) {
    try {
      setIfDifferent('net/netfilter/nf_conntrack_max', entries)
      if (Number(readFileSync(HASH_SIZE, 'utf8')) < entries / ENTRIES_PER_BUCKET) writeFileSync(HASH_SIZE, String(Math.ceil(entries / ENTRIES_PER_BUCKET)))
    } catch (err) {
      log.warn({ err, entries }, 'the size of the conntrack table cannot be set from here')
    }
  }
  const seconds = (ms: number): number => Math.round(ms / 1000)
  if (config.tcpEstablishedTimeoutMs > 0) setIfDifferent('net/netfilter/nf_conntrack_tcp_timeout_established', seconds(config.tcpEstablishedTimeoutMs))
  if (config.tcpCloseWaitTimeoutMs > 0) setIfDifferent('net/netfilter/nf_conntrack_tcp_timeout_close_wait', seconds(config.tcpCloseWaitTimeoutMs))
  if (config.tcpBeLiberal) setIfDifferent('net/netfilter/nf_conntrack_tcp_be_liberal', 1)
  if (config.udpTimeoutMs > 0) setIfDifferent('net/netfilter/nf_conntrack_udp_timeout', seconds(config.udpTimeoutMs))
  if (config.udpStreamTimeoutMs > 0) setIfDifferent('net/netfilter/nf_conntrack_udp_timeout_stream', seconds(config.udpStreamTimeoutMs))
}

/** Lets packets to 127.0.0.0/8 be routed, so that node ports answer there. The rules guard it from outside. */
export const allowLoopbackNodePorts = (): void => setIfDifferent('net/ipv4/conf/all/route_localnet', 1)

/** A window check that is off takes out-of-window segments as valid: then there is nothing to drop. */
export const isTcpLiberal = (): boolean => (readSysctl('net/netfilter/nf_conntrack_tcp_be_liberal') ?? '0') !== '0'

export function isIpv6Enabled(): boolean {
  return readSysctl('net/ipv6/conf/all/disable_ipv6') === '0'
}

function setIfDifferent(name: string, value: number): void {
  if (readSysctl(name) !== String(value)) writeSysctls({ [name]: String(value) })
}

/** Makes the kernel spare this process when memory is short. Failing is no obstacle. */
export function setOomScoreAdj(value: number, log: Logger): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(value))
  } catch (err) {
    log.warn({ err, value }, 'oom_score_adj cannot be set')
  }
}
