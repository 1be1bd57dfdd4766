// Which daemons a cluster consists of, and the command line of each. Flags are those of the programs that each
// daemon stands in for (kube-apiserver, kube-controller-manager, flanneld, kube-proxy), plus paths: all hosts
// share one file system here, so whatever lies at a fixed place on a real host lies in the host's folder.

import { join } from 'node:path/posix'
import { formatAddress } from '../net/ip/address.ts'
import { formatPrefix } from '../net/ip/prefix.ts'
import { CLUSTER_VARIABLE } from './cluster-name.ts'
import { clusterPaths, hostPaths, pkiPaths, type ClusterPaths } from './cluster-paths.ts'
import { HOST_SUBNET_LENGTH } from './cluster-options.ts'
import { API_PORT, controlPlane, type ClusterPlan, type HostPlan } from './cluster-plan.ts'
import type { Component, DaemonPlan } from './supervisor/daemon.ts'

/** kube-apiserver's default. */
export const NODE_PORTS = '30000-32767'

/** Beside kube-proxy's 10256 and kube-scheduler's 10259; flanneld has no port of its own. */
export const AGENT_HEALTH_PORT = 10_261
/** Three hosts cost nothing to probe, and people watch. */
const PROBE_SECONDS = 5

/** What every daemon finds in its environment, whoever starts the cluster. */
export type BaseEnvironment = Readonly<{ path: string; compileCache: string | undefined }>

export function planApiServer(plan: ClusterPlan, base: BaseEnvironment): DaemonPlan {
  const paths = clusterPaths(plan.name)
  const pki = pkiPaths(paths)
  const address = formatAddress(controlPlane(plan).address)
  return daemon(plan, controlPlane(plan), 'apiserver', base, [
    `--data-dir=${paths.store}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${API_PORT}`,
    `--tls-cert-file=${pki.serverCertificate}`,
    `--tls-private-key-file=${pki.serverKey}`,
    `--client-ca-file=${pki.authority}`,
    `--service-account-key-file=${pki.tokenKey}`,
    `--service-account-signing-key-file=${pki.tokenSigningKey}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--kubelet-client-certificate=${pki.kubeletClientCertificate}`,
    `--kubelet-client-key=${pki.kubeletClientKey}`,
    `--kubelet-certificate-authority=${pki.authority}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-cluster-ip-range=${formatPrefix(plan.serviceCidr)}`,
    `--service-node-port-range=${NODE_PORTS}`,
    '--authorization-mode=RBAC',
  ])
}

export function planControllerManager(plan: ClusterPlan, base: BaseEnvironment): DaemonPlan {
  const paths = clusterPaths(plan.name)
  return daemon(plan, controlPlane(plan), 'controller-manager', base, [
    `--kubeconfig=${paths.controllerManagerKubeconfig}`,
    '--allocate-node-cidrs',
    `--cluster-cidr=${formatPrefix(plan.podCidr)}`,
    `--node-cidr-mask-size=${HOST_SUBNET_LENGTH}`,
    `--service-cluster-ip-range=${formatPrefix(plan.serviceCidr)}`,
    `--root-ca-file=${pkiPaths(paths).authority}`,
    // One runs per cluster: electing a leader would only make its successor wait for the lease to run out.
    '--leader-elect=false',
  ])
}

/** The daemons that every host runs. */
export function planHostDaemons(plan: ClusterPlan, host: HostPlan, base: BaseEnvironment, link: string): readonly DaemonPlan[] {
  const cluster = clusterPaths(plan.name)
  const paths = hostPaths(cluster, host.name)
  const address = formatAddress(host.address)
  return [
    daemon(plan, host, 'node', base, [
      `--kubeconfig=${paths.nodeKubeconfig}`,
      `--hostname-override=${host.name}`,
      `--node-ip=${address}`,
      `--cni-conf-dir=${paths.cniConfig}`,
      `--cni-bin-dir=${paths.cniBin}`,
      `--root-dir=${paths.node}`,
      `--tls-cert-file=${paths.nodeCertificate}`,
      `--tls-private-key-file=${paths.nodeKey}`,
      `--client-ca-file=${pkiPaths(cluster).authority}`,
    ]),
    daemon(plan, host, 'agent', base, [
      '--kube-subnet-mgr',
      `--kubeconfig-file=${paths.agentKubeconfig}`,
      `--net-config-path=${cluster.netConfig}`,
      `--iface=${link}`,
      '--ip-masq',
      `--subnet-file=${paths.subnetEnv}`,
      // Inside the host only: "weft status" asks from there.
      '--healthz-ip=127.0.0.1',
      `--healthz-port=${AGENT_HEALTH_PORT}`,
      `--mesh-probe-interval=${PROBE_SECONDS}`,
      `--cni-conf-dir=${paths.cniConfig}`,
      `--cni-bin-dir=${paths.cniBin}`,
      `--cni-socket=${paths.cniSocket}`,
      `--cni-state-dir=${paths.cniState}`,
      `--cni-queue-dir=${paths.cniQueue}`,
    ]),
    daemon(plan, host, 'proxy', base, [
      `--kubeconfig=${paths.proxyKubeconfig}`,
      `--proxy-mode=${plan.proxyMode}`,
      `--hostname-override=${host.name}`,
      `--cluster-cidr=${formatPrefix(plan.podCidr)}`,
      // kube-proxy's one second spares clusters of thousands of Services; here people watch.
      '--iptables-min-sync-period=100ms',
      // The size of the connection table is a setting of the machine, out of reach of a namespace.
      '--conntrack-max-per-core=0',
    ]),
  ]
}

/** flannel's net-conf.json. */
export const formatNetConfig = (plan: ClusterPlan): string =>
  `${JSON.stringify({ Network: formatPrefix(plan.podCidr), Backend: { Type: plan.backend } }, undefined, 2)}\n`

export const logFileOf = (cluster: ClusterPaths, host: string, component: Component): string =>
  join(hostPaths(cluster, host).logs, `${component}.log`)

function daemon(plan: ClusterPlan, host: HostPlan, component: Component, base: BaseEnvironment, args: readonly string[]): DaemonPlan {
  const paths = hostPaths(clusterPaths(plan.name), host.name)
  return {
    host: host.name,
    component,
    netns: host.netns,
    args,
    env: {
      PATH: base.path,
      HOME: '/root',
      ...(base.compileCache !== undefined && { NODE_COMPILE_CACHE: base.compileCache }),
      [CLUSTER_VARIABLE]: plan.name,
      NODE_NAME: host.name,
      // iptables(8) locks one file per machine; our hosts are machines.
      XTABLES_LOCKFILE: paths.xtablesLock,
      WEFT_CNI_SOCKET: paths.cniSocket,
      WEFT_CNI_QUEUE: paths.cniQueue,
    },
    logFile: logFileOf(clusterPaths(plan.name), host.name, component),
  }
}
