// The agent's flags: flanneld's first, under the same names and with the same defaults, then Weft's own.

export type Flag = Readonly<{
  name: string
  kind: 'boolean' | 'text' | 'list' | 'integer'
  /** As text, the way it would stand on the command line; lists are empty. */
  fallback: string
  help: string
}>

const text = (name: string, fallback: string, help: string): Flag => ({ name, kind: 'text', fallback, help })
const boolean = (name: string, fallback: boolean, help: string): Flag => ({ name, kind: 'boolean', fallback: String(fallback), help })
const integer = (name: string, fallback: number, help: string): Flag => ({ name, kind: 'integer', fallback: String(fallback), help })
const list = (name: string, help: string): Flag => ({ name, kind: 'list', fallback: '', help })

export const FLAGS = [
  text('etcd-endpoints', 'http://127.0.0.1:4001,http://127.0.0.1:2379', 'etcd members, separated by commas'),
  text('etcd-prefix', '/coreos.com/network', 'etcd prefix of configuration and leases'),
  text('etcd-keyfile', '', 'private key for etcd'),
  text('etcd-certfile', '', 'client certificate for etcd'),
  text('etcd-cafile', '', 'certificate authority of etcd'),
  text('etcd-username', '', 'user name for etcd'),
  text('etcd-password', '', 'password for etcd'),
  list('iface', 'interface between hosts, by name or address; may be repeated, the first that exists is taken'),
  list('iface-regex', 'the same by regular expression, against addresses, then names'),
  text('iface-can-reach', '', 'take the interface that leads to this address'),
  text('public-ip', '', 'IPv4 address at which other hosts reach this one'),
  text('public-ipv6', '', 'IPv6 address at which other hosts reach this one'),
  text('subnet-file', '/run/flannel/subnet.env', 'where to write what CNI plugins need to know'),
  integer('subnet-lease-renew-margin', 60, 'minutes before its end at which an etcd lease is renewed'),
  boolean('ip-masq', false, 'masquerade what pods send outside the pod network'),
  boolean('ip-masq-fully-random-disable', false, 'do not choose source ports at random'),
  boolean('kube-subnet-mgr', false, 'lease subnets from the Kubernetes API instead of etcd'),
  text('kube-api-url', '', 'URL of the API server'),
  text('kube-annotation-prefix', 'flannel.alpha.coreos.com', 'prefix of the node annotations'),
  text('kubeconfig-file', '', 'kubeconfig; empty: the service account of this pod'),
  text('net-config-path', '/etc/kube-flannel/net-conf.json', 'network configuration, with --kube-subnet-mgr'),
  boolean('set-node-network-unavailable', true, 'set the node condition NetworkUnavailable to False when ready'),
  text('healthz-ip', '0.0.0.0', 'address of the health server'),
  integer('healthz-port', 0, 'port of the health server; 0: none'),
  integer('iptables-resync', 5, 'seconds between two checks of the traffic rules'),
  boolean('iptables-forward-rules', true, 'accept forwarded pod traffic'),
  boolean('ip-blackhole-route', false, 'drop traffic to this host\'s own subnet that no bridge or route takes'),
  integer('v', 0, 'verbosity; 4 and above logs every pass'),
  text('vmodule', '', 'accepted and ignored'),
  text('log_backtrace_at', ':0', 'accepted and ignored'),
  boolean('version', false, 'print the version and exit'),

  text('cni-conf-dir', '', 'wire pods in this process and put the CNI configuration here; empty: off'),
  text('cni-bin-dir', '/opt/cni/bin', 'where to put the CNI plugin'),
  text('cni-socket', '', 'socket of the CNI plugin; empty: /run/weft/ns/<inode>.sock'),
  text('cni-queue-dir', '/var/lib/weft/cni/queue', 'where the CNI plugin leaves deletions that it accepted while nobody served its socket'),
  text('cni-state-dir', '/run/weft/cni', 'state of wired pods, on a file system that a reboot empties'),
  list('no-masq-cidr', 'destination that pods reach with their own address; may be repeated'),
  integer('mesh-probe-interval', 30, 'seconds between two probes of the ways to the other hosts; 0: none'),
  text('instance', '', 'suffix of rule names, for several agents on one host'),
  boolean('no-sysctl', false, 'leave forwarding and bridge settings of the kernel alone'),
  boolean('allow-overlap', false, 'start although the pod network overlaps networks of this host'),
  boolean('mtu-compat', false, 'write the MTU that flannel writes although IPv6 tunnels carry 20 bytes less'),
  text('wireguard-key-file', '', 'private key of the wireguard backend; empty: $WIREGUARD_KEY_FILE, else wgkey beside the subnet file'),
  text('node-id', '', 'stable identity of this host in etcd; empty: made from /etc/machine-id'),
  boolean('take-over-lease', false, 'take an etcd lease with this host\'s address even without proof that it is its own'),
  boolean('allow-renumber', false, 'lease another subnet although something on this host still uses the former one'),
  text('on-lease-lost', 'exit', 'what to do when another host holds this host\'s subnet: exit or keep'),
  boolean('release-lease-on-exit', false, 'delete the etcd lease when the agent stops'),
  integer('subnet-lease-ttl', 86_400, 'seconds an etcd lease lasts'),
  boolean('cleanup', false, 'remove everything the agent made on this host, and its lease, then exit'),
] as const satisfies readonly Flag[]

export type FlagName = (typeof FLAGS)[number]['name']
export type FlagValues = Readonly<Record<FlagName, string | readonly string[]>>
