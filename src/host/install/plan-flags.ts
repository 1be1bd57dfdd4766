// The flags of each daemon on a real host, and why each is there. They are the files' first content; afterwards they are
// the administrator's.

import { parsePrefix } from '../../net/ip/prefix.ts'
import { CNI_CONFIG, CNI_PROGRAMS, NET_CONFIG, NODE_KUBECONFIG, NODE_ROOT } from '../host-paths.ts'
import type { HostSettings } from '../settings.ts'
import type { FlagLine } from './flag-file.ts'

/** Health of the agent, on loopback; beside kubelet's and kube-proxy's ports (10248 to 10259). */
export const AGENT_HEALTH_PORT = 10244
/** kubeadm's. */
export const API_PORT = 6443
export const NODE_PORTS = '30000-32767'

const flag = (text: string, why: string): FlagLine => ({ flag: text, why })

export const apiServerFlags = ({ nodeIp, serviceCidr, apiServer }: HostSettings): readonly FlagLine[] => [
  flag('--bind-address=0.0.0.0', 'address to serve on; all of this host'),
  flag(`--advertise-address=${nodeIp}`, 'address under which pods and other hosts reach this server'),
  flag(`--secure-port=${new URL(apiServer).port || '443'}`, 'its port'),
  flag('--service-account-issuer=https://kubernetes.default.svc.cluster.local', 'name in the tokens of service accounts'),
  flag(`--service-cluster-ip-range=${serviceCidr}`, 'cluster IPs; fixed for the life of the cluster'),
  flag(`--service-node-port-range=${NODE_PORTS}`, 'node ports'),
  flag('--authorization-mode=RBAC', 'who may do what'),
]

export const controllerManagerFlags = ({ podCidr, serviceCidr }: HostSettings): readonly FlagLine[] => [
  flag('--allocate-node-cidrs', 'give every node the prefix of its pods'),
  flag(`--cluster-cidr=${podCidr}`, 'prefix out of which these are cut; fixed for the life of the cluster'),
  flag(`--node-cidr-mask-size=${parsePrefix(podCidr, '--pod-cidr').family === 4 ? 24 : 64}`, 'length of each'),
  flag(`--service-cluster-ip-range=${serviceCidr}`, 'prefix that no node may be given'),
  flag('--leader-elect=false', 'there is one; with several control planes: true'),
]

export const agentFlags = ({ nodeIp }: HostSettings): readonly FlagLine[] => [
  flag('--kube-subnet-mgr', 'pod subnets come from the API server'),
  flag(`--kubeconfig-file=${NODE_KUBECONFIG}`, 'how to reach it, as this node'),
  flag(`--net-config-path=${NET_CONFIG}`, 'pod network and backend; the same on every host'),
  flag(`--iface=${nodeIp}`, 'interface to the other hosts, by its address: a NAT interface may have the same one on every host'),
  flag('--ip-masq', 'what pods send outside the pod network leaves with this host\'s address'),
  flag(`--cni-conf-dir=${CNI_CONFIG}`, 'where the container runtime looks for its network'),
  flag(`--cni-bin-dir=${CNI_PROGRAMS}`, 'where it looks for plugins'),
  flag('--healthz-ip=127.0.0.1', 'health and metrics'),
  flag(`--healthz-port=${AGENT_HEALTH_PORT}`, 'their port'),
]

export const nodeFlags = ({ nodeName, nodeIp }: HostSettings): readonly FlagLine[] => [
  flag(`--kubeconfig=${NODE_KUBECONFIG}`, 'how to reach the API server, as this node'),
  flag(`--hostname-override=${nodeName}`, 'name of the Node object; its certificate is for this name'),
  flag(`--node-ip=${nodeIp}`, 'address under which other hosts reach this one'),
  flag(`--cni-conf-dir=${CNI_CONFIG}`, 'the network of pods; the first file by name counts'),
  flag(`--cni-bin-dir=${CNI_PROGRAMS}`, 'its plugins'),
  flag(`--root-dir=${NODE_ROOT}`, 'state and logs of pods'),
]

/** KubeProxyConfiguration, the file that kube-proxy reads, too. The proxy starts anew when it changes. */
export const proxyConfig = ({ nodeName, proxyMode, podCidr }: HostSettings): string => `# weft-proxy.service: Services on this host. The daemon ends when this file changes, and systemd starts it with the new content.
# Every field: docs/reference/proxy.md; the same file works for kube-proxy.
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection:
  kubeconfig: ${NODE_KUBECONFIG}
# Name of the Node object: endpoints on this node are local.
hostnameOverride: ${nodeName}
# iptables or nftables; after a change the rules of the other mode are removed.
mode: ${proxyMode}
# Pods' addresses: what comes from elsewhere to a cluster IP is masqueraded.
clusterCIDR: ${podCidr}
healthzBindAddress: 0.0.0.0:10256
metricsBindAddress: 127.0.0.1:10249
`

