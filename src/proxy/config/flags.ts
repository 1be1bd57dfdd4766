// kube-proxy's flags, each with the field of KubeProxyConfiguration that it sets.

import { InputError } from '../../ops/errors.ts'
import { parseDuration } from './duration.ts'

type Kind = 'text' | 'list' | 'boolean' | 'number' | 'duration' | 'gates'

/** `field` is a path in the configuration's tree; several where one flag serves both modes. */
export type Flag = Readonly<{ name: string; kind: Kind; fields: readonly string[]; help: string }>

const flag = (name: string, kind: Kind, help: string, ...fields: readonly string[]): Flag => ({ name, kind, help, fields })

export const CONFIG_FLAGS: readonly Flag[] = [
  flag('kubeconfig', 'text', 'how to reach the API server', 'clientConnection.kubeconfig'),
  flag('proxy-mode', 'text', 'iptables or nftables', 'mode'),
  flag('bind-address', 'text', "overrides the node's address", 'bindAddress'),
  flag('bind-address-hard-fail', 'boolean', 'a port that is taken is fatal', 'bindAddressHardFail'),
  flag('healthz-bind-address', 'text', 'address and port of /healthz', 'healthzBindAddress'),
  flag('metrics-bind-address', 'text', 'address and port of /metrics', 'metricsBindAddress'),
  flag('cluster-cidr', 'text', 'pod prefix, or an IPv4 and an IPv6 one joined by a comma', 'clusterCIDR'),
  flag('detect-local-mode', 'text', 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix', 'detectLocalMode'),
  flag('pod-bridge-interface', 'text', 'bridge of the pods', 'detectLocal.bridgeInterface'),
  flag('pod-interface-name-prefix', 'text', "how the pods' interfaces are called", 'detectLocal.interfaceNamePrefix'),
  flag('nodeport-addresses', 'list', '"primary" or prefixes of the addresses that take node ports', 'nodePortAddresses'),
  flag('masquerade-all', 'boolean', 'masquerade everything sent to cluster IPs', 'iptables.masqueradeAll', 'nftables.masqueradeAll'),
  flag('iptables-masquerade-bit', 'number', 'bit of the packet mark', 'iptables.masqueradeBit'),
  flag('iptables-localhost-nodeports', 'boolean', 'node ports answer on 127.0.0.0/8', 'iptables.localhostNodePorts'),
  flag('iptables-sync-period', 'duration', 'how long a sync may fail', 'iptables.syncPeriod', 'nftables.syncPeriod'),
  flag('iptables-min-sync-period', 'duration', 'shortest time between syncs', 'iptables.minSyncPeriod', 'nftables.minSyncPeriod'),
  flag('conntrack-max-per-core', 'number', 'conntrack entries per core', 'conntrack.maxPerCore'),
  flag('conntrack-min', 'number', 'least number of conntrack entries', 'conntrack.min'),
  flag('conntrack-tcp-timeout-established', 'duration', 'idle time of TCP connections', 'conntrack.tcpEstablishedTimeout'),
  flag('conntrack-tcp-timeout-close-wait', 'duration', 'time of half-closed TCP connections', 'conntrack.tcpCloseWaitTimeout'),
  flag('conntrack-tcp-be-liberal', 'boolean', 'accept segments outside the window', 'conntrack.tcpBeLiberal'),
  flag('conntrack-udp-timeout', 'duration', 'idle time of UDP flows', 'conntrack.udpTimeout'),
  flag('conntrack-udp-timeout-stream', 'duration', 'idle time of answered UDP flows', 'conntrack.udpStreamTimeout'),
  flag('config-sync-period', 'duration', 'accepted; Weft needs no resync', 'configSyncPeriod'),
  flag('kube-api-qps', 'number', 'accepted; Weft sends next to nothing', 'clientConnection.qps'),
  flag('kube-api-burst', 'number', 'accepted; Weft sends next to nothing', 'clientConnection.burst'),
  flag('kube-api-content-type', 'text', 'accepted; Weft speaks JSON', 'clientConnection.contentType'),
  flag('oom-score-adj', 'number', 'how ready the kernel is to kill this process', 'oomScoreAdj'),
  flag('profiling', 'boolean', 'answer /debug/pprof with a word about the profilers of Node', 'enableProfiling'),
  flag('show-hidden-metrics-for-version', 'text', 'accepted', 'showHiddenMetricsForVersion'),
  flag('feature-gates', 'gates', 'AllowServiceExternalIPs=true|false; others are ignored', 'featureGates'),
]

/** These hold also when --config is given. */
export const ALWAYS_FLAGS: readonly Flag[] = [
  flag('hostname-override', 'text', 'name of this node, instead of the host name', 'hostnameOverride'),
  flag('master', 'text', "the API server's URL", 'master'),
  flag('v', 'number', 'log level', 'logging.verbosity'),
]

type Tree = { [field: string]: unknown }

/** Puts given flags ("proxy-mode" -> "iptables") into a configuration's tree. Throws InputError naming the flag. */
export function flagsToTree(flags: readonly Flag[], given: Readonly<Record<string, string | boolean>>, base: Readonly<Record<string, unknown>> = {}): Tree {
  const tree = structuredClone(base) as Tree
  for (const { name, kind, fields } of flags) {
    const value = given[name]
    if (value === undefined) continue
    const typed = valueOf(kind, value, `--${name}`)
    for (const field of fields) put(tree, field.split('.'), typed)
  }
  return tree
}

function put(tree: Tree, [head, ...rest]: readonly string[], value: unknown): void {
  if (head === undefined) return
  if (rest.length === 0) tree[head] = value
  else put((tree[head] ??= {}) as Tree, rest, value)
}

function valueOf(kind: Kind, value: string | boolean, field: string): unknown {
  switch (kind) {
    case 'boolean': return booleanOf(value, field)
    case 'text': return String(value)
    case 'list': return String(value).split(',').map(part => part.trim()).filter(part => part !== '')
    case 'number': {
      if (!/^-?\d+$/.test(String(value))) throw new InputError(field, value, 'must be a whole number')
      return Number(value)
    }
    case 'duration':
      parseDuration(String(value), field)
      return String(value)
    case 'gates':
      return Object.fromEntries(String(value).split(',').filter(gate => gate !== '').map(gate => {
        const [name = '', state] = gate.split('=')
        return [name.trim(), booleanOf(state ?? '', field)]
      }))
    default: return kind satisfies never
  }
}

/** Go's strconv.ParseBool. */
function booleanOf(value: string | boolean, field: string): boolean {
  if (value === true || /^(?:1|t|T|true|TRUE|True)$/.test(String(value))) return true
  if (value === false || /^(?:0|f|F|false|FALSE|False)$/.test(String(value))) return false
  throw new InputError(field, value, 'must be true or false')
}
