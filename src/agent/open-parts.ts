// Puts the agent's parts together from settings: which store, which files, which CNI server.

import type { CniServer } from '../../cni/plugin/options.ts'
import type { Registry } from '../ops/metrics.ts'
import type { ApiClient } from '../client/api-client.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { Doorbell } from '../ops/wake.ts'
import { networksOf, type NetworkConfig } from './config/network-config.ts'
import { loadNetworkConfigFile, readNetworkConfigFile } from './config/load-network-config.ts'
import type { AgentParts } from './agent.ts'
import type { CniOptions } from './options.ts'
import type { AgentSettings, StoreOptions } from './flags/read-flags.ts'
import { parseSubnetEnv } from './config/subnet-env.ts'
import { readSubnetEnv } from './config/write-subnet-env.ts'
import { isSubnetInUse, localAddresses, machineIdentity } from './leases/etcd/this-machine.ts'
import type { LeaseRegistry } from './leases/lease-registry.ts'
import { annotationNames } from './leases/kube/annotations.ts'

/** `reload` is rung to have the configuration read again. */
type Surroundings = Readonly<{ reload: Doorbell; log: Logger; clock: Clock; env: Readonly<Record<string, string | undefined>> }>

export async function openAgentParts(settings: AgentSettings, surroundings: Surroundings): Promise<AgentParts> {
  const { log, clock, env, reload } = surroundings
  const { cni } = settings.agent
  return { options: settings.agent, env, reload, log, clock, openCni: cni === undefined ? undefined : ({ registry, signal }) => openCni(cni, { log, registry, signal }), ...(await storeParts(settings, surroundings)) }
}

// What a configuration does not use is not loaded: the gRPC client alone costs a tenth of a second and 25 MB, the API client
// and the CNI server some megabytes each.

async function openCni({ socketPath, ...folders }: CniOptions, { log, registry, signal }: Readonly<{ log: Logger; registry: Registry; signal: AbortSignal }>): Promise<CniServer> {
  const { openCniServer } = await import('../../cni/plugin/server.ts')
  return openCniServer({ ...folders, ...(socketPath !== undefined && { socketPath }), log: log.child({ component: 'cni' }), registry, signal })
}

type StoreParts = Pick<AgentParts, 'loadConfig' | 'readConfig' | 'openManager'>

async function storeParts(settings: AgentSettings, surroundings: Surroundings): Promise<StoreParts> {
  const { store } = settings
  switch (store.kind) {
    case 'kube': return kubeParts(store, surroundings)
    case 'etcd': return etcdParts(store, settings, surroundings)
    default: return store satisfies never
  }
}

function kubeParts(store: Extract<StoreOptions, { kind: 'kube' }>, { log, clock, env }: Surroundings): StoreParts {
  // Read before anything is waited for: a wrong prefix is a mistake of the command line.
  const names = annotationNames(store.annotationPrefix)
  return {
    loadConfig: ({ signal }) => loadNetworkConfigFile(store.netConfigPath, { store: 'kube', log, clock, random: Math.random, signal }),
    readConfig: () => readNetworkConfigFile(store.netConfigPath, 'kube'),
    openManager: async (config: NetworkConfig, { signal }) => {
      const [{ KubeLeaseManager }, { findNodeName }] = await Promise.all([import('./leases/kube/kube-lease-manager.ts'), import('./leases/kube/node-name.ts')])
      const client = await openClient(store, { log, clock, env })
      const nodeName = await findNodeName(client, env, { signal })
      return KubeLeaseManager.open({ client, nodeName, names, networks: networksOf(config), setCondition: store.setCondition, log, clock, random: Math.random, signal })
    },
  }
}

async function etcdParts(store: Extract<StoreOptions, { kind: 'etcd' }>, { agent }: AgentSettings, { log, clock }: Surroundings): Promise<StoreParts> {
  const [{ Etcd3Registry }, { EtcdLeaseManager }, { loadEtcdConfig, readEtcdConfig }] = await Promise.all([
    import('./leases/etcd/etcd3-registry.ts'), import('./leases/etcd/etcd-lease-manager.ts'), import('./leases/etcd/load-etcd-config.ts'),
  ])
  const registry = new Etcd3Registry(store)
  return {
    loadConfig: ({ signal }) => loadEtcdConfig(registry, { prefix: store.prefix, log, clock, random: Math.random, signal }),
    readConfig: ({ signal }) => readEtcdConfig(registry, { prefix: store.prefix, signal }),
    openManager: async config => {
      const previous = parseSubnetEnv((await readSubnetEnv(agent.subnetFile)) ?? '').subnets
      return new EtcdLeaseManager({
        ...store, registry, pools: config.pools, nodeId: store.nodeId || machineIdentity(), previous, previousInUse: call => isSubnetInUse(previous, call), localAddresses, log, clock, random: Math.random,
      })
    },
  }
}

async function openClient(store: Extract<StoreOptions, { kind: 'kube' }>, { log, clock, env }: Omit<Surroundings, 'reload'>): Promise<ApiClient> {
  const [{ loadKubeconfig }, { openApiClient }] = await Promise.all([import('../client/kubeconfig/load.ts'), import('../client/api-client.ts')])
  const config = await loadKubeconfig({ path: store.kubeconfig || undefined, master: store.apiUrl || undefined, env, clock })
  return openApiClient({ config, userAgent: 'weft-agent', log, clock })
}

/** The store's leases for an administrator: no agent need run here. */
export async function openLeaseRegistry(store: StoreOptions, surroundings: Omit<Surroundings, 'reload'>): Promise<LeaseRegistry> {
  switch (store.kind) {
    case 'kube': {
      const { KubeLeaseRegistry } = await import('./leases/kube/kube-lease-registry.ts')
      return new KubeLeaseRegistry(await openClient(store, surroundings), annotationNames(store.annotationPrefix))
    }
    case 'etcd': {
      const [{ Etcd3Registry }, { EtcdLeaseRegistry }] = await Promise.all([import('./leases/etcd/etcd3-registry.ts'), import('./leases/etcd/etcd-lease-registry.ts')])
      return new EtcdLeaseRegistry(new Etcd3Registry(store))
    }
    default: return store satisfies never
  }
}
