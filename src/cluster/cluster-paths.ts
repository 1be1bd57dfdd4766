// Where a cluster keeps its files. Everything lies in one folder, so that removing it removes all.

import { join } from 'node:path'
import type { ClusterName } from './cluster-name.ts'

/** Root-only; holds one folder per cluster. */
export const CLUSTERS_FOLDER = '/var/lib/weft/clusters'

export type ClusterPaths = Readonly<{
  folder: string
  /** The plan of the cluster, for `weft status` and `weft down`. */
  plan: string
  /** The administrator's kubeconfig: what the user hands to kubectl. */
  kubeconfig: string
  /** What a detached `weft up` would have printed. */
  log: string
  pki: string
  controllerManagerKubeconfig: string
  store: string
  /** flannel's net-conf.json. */
  netConfig: string
  hosts: string
}>

export function clusterPaths(name: ClusterName): ClusterPaths {
  const folder = join(CLUSTERS_FOLDER, name)
  return {
    folder,
    plan: join(folder, 'cluster.json'),
    kubeconfig: join(folder, 'kubeconfig'),
    log: join(folder, 'up.log'),
    pki: join(folder, 'pki'),
    controllerManagerKubeconfig: join(folder, 'pki', 'controller-manager.kubeconfig'),
    store: join(folder, 'store'),
    netConfig: join(folder, 'net-conf.json'),
    hosts: join(folder, 'hosts'),
  }
}

export type PkiPaths = Readonly<{
  authority: string
  serverCertificate: string
  serverKey: string
  tokenSigningKey: string
  tokenKey: string
  /** What the API server shows the nodes. */
  kubeletClientCertificate: string
  kubeletClientKey: string
}>

export const pkiPaths = (cluster: ClusterPaths): PkiPaths => ({
  authority: join(cluster.pki, 'ca.crt'),
  serverCertificate: join(cluster.pki, 'apiserver.crt'),
  serverKey: join(cluster.pki, 'apiserver.key'),
  tokenSigningKey: join(cluster.pki, 'sa.key'),
  tokenKey: join(cluster.pki, 'sa.pub'),
  kubeletClientCertificate: join(cluster.pki, 'apiserver-kubelet-client.crt'),
  kubeletClientKey: join(cluster.pki, 'apiserver-kubelet-client.key'),
})

export type HostPaths = Readonly<{
  folder: string
  logs: string
  /** Folder of the three below. */
  kubeconfigs: string
  agentKubeconfig: string
  proxyKubeconfig: string
  nodeKubeconfig: string
  /** Of the node's own port. */
  nodeCertificate: string
  nodeKey: string
  cniConfig: string
  cniBin: string
  cniSocket: string
  cniState: string
  cniQueue: string
  /** Of `weft node`: pods, their namespaces and logs. */
  node: string
  subnetEnv: string
  xtablesLock: string
}>

export function hostPaths(cluster: ClusterPaths, host: string): HostPaths {
  const folder = join(cluster.hosts, host)
  return {
    folder,
    logs: join(folder, 'logs'),
    kubeconfigs: join(folder, 'kubeconfigs'),
    agentKubeconfig: join(folder, 'kubeconfigs', 'agent'),
    proxyKubeconfig: join(folder, 'kubeconfigs', 'proxy'),
    nodeKubeconfig: join(folder, 'kubeconfigs', 'node'),
    nodeCertificate: join(folder, 'kubeconfigs', 'node.crt'),
    nodeKey: join(folder, 'kubeconfigs', 'node.key'),
    cniConfig: join(folder, 'cni', 'net.d'),
    cniBin: join(folder, 'cni', 'bin'),
    cniSocket: join(folder, 'cni', 'cni.sock'),
    cniState: join(folder, 'cni', 'state'),
    cniQueue: join(folder, 'cni', 'queue'),
    node: join(folder, 'node'),
    subnetEnv: join(folder, 'subnet.env'),
    xtablesLock: join(folder, 'xtables.lock'),
  }
}
