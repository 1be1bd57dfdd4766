// All controllers, by kube-controller-manager's names, and the choice that `--controllers` makes among them.

import type { Prefix } from '../net/ip/prefix.ts'
import { InputError } from '../ops/errors.ts'
import { bootstrapSignerController, tokenCleanerController } from './bootstrap-tokens/controller.ts'
import { approvingController, requestCleanerController, signingController, type SigningOptions } from './certificates/controller.ts'
import type { Controller } from './controller.ts'
import { daemonSetController } from './daemon-sets/controller.ts'
import { deploymentController } from './deployments/controller.ts'
import { disruptionController } from './disruption/controller.ts'
import { endpointSliceController, type EndpointSliceOptions } from './endpoint-slices/controller.ts'
import { endpointSliceMirroringController } from './endpoint-slices/mirror-controller.ts'
import { endpointsController } from './endpoints/controller.ts'
import { garbageCollectorController } from './garbage-collection/controller.ts'
import { namespaceController } from './namespaces/controller.ts'
import { nodeIpamController } from './node-ipam/controller.ts'
import { nodeLifecycleController, type NodeLifecycleOptions } from './nodes/lifecycle.ts'
import { podGcController, type PodGcOptions } from './nodes/pod-gc.ts'
import { taintEvictionController } from './nodes/taint-eviction.ts'
import { replicaSetController } from './replica-sets/controller.ts'
import { schedulerController } from './scheduler/controller.ts'
import { serviceAccountController } from './service-accounts/default-account.ts'
import { rootCaController } from './service-accounts/root-ca.ts'

export type CatalogOptions = Readonly<{
  endpointSlices: EndpointSliceOptions
  /** Undefined: nodes get their pod CIDRs from somebody else. */
  nodeIpam: Readonly<{ clusterCidrs: readonly Prefix[]; maskSize: Readonly<{ 4: number; 6: number }>; serviceCidrs: readonly Prefix[] }> | undefined
  nodeLifecycle: NodeLifecycleOptions
  podGc: PodGcOptions
  concurrentSyncs: Readonly<{ deployments: number; replicaSets: number }>
  /** PEM; undefined: not published. */
  rootCa: string | undefined
  /** Undefined: certificate requests are signed by somebody else. */
  signing: SigningOptions | undefined
}>

/** Every controller that the options allow, in no particular order. */
export const allControllers = (options: CatalogOptions): readonly Controller[] => [
  endpointSliceController(options.endpointSlices),
  endpointSliceMirroringController(),
  endpointsController(),
  ...(options.nodeIpam === undefined ? [] : [nodeIpamController(options.nodeIpam)]),
  nodeLifecycleController(options.nodeLifecycle),
  taintEvictionController(),
  podGcController(options.podGc),
  namespaceController(),
  garbageCollectorController(),
  serviceAccountController(),
  ...(options.rootCa === undefined ? [] : [rootCaController(options.rootCa)]),
  replicaSetController({ concurrentSyncs: options.concurrentSyncs.replicaSets }),
  deploymentController({ concurrentSyncs: options.concurrentSyncs.deployments }),
  daemonSetController(),
  disruptionController(),
  schedulerController(),
  approvingController(),
  ...(options.signing === undefined ? [] : [signingController(options.signing)]),
  requestCleanerController(),
  bootstrapSignerController(),
  tokenCleanerController(),
]

/**
 * kube-controller-manager's rule: `*` is all, `name` is that one, `-name` not that one; a name beats `*`.
 * Throws InputError for a name that exists neither here nor upstream.
 */
export function chooseControllers(controllers: readonly Controller[], given: readonly string[]): readonly Controller[] {
  const choice = given.map(entry => entry.replace(/^(-?)(bootstrapsigner|tokencleaner)$/, (_, minus: string, name: 'bootstrapsigner' | 'tokencleaner') => `${minus}${FORMER_NAMES[name]}`))
  const known = new Set([...controllers.map(({ name }) => name), ...UPSTREAM_ONLY])
  for (const entry of choice) {
    const name = entry.replace(/^-/, '')
    if (name !== '*' && !known.has(name)) throw new InputError('--controllers', entry, `is no controller; there are: ${[...known].sort().join(', ')}`)
  }
  return controllers.filter(({ name }) => !choice.includes(`-${name}`) && (choice.includes(name) || choice.includes('*')))
}

/** Names of before 1.28, which kubeadm's static pod still gives. */
const FORMER_NAMES = { bootstrapsigner: 'bootstrap-signer-controller', tokencleaner: 'token-cleaner-controller' } as const

/** Names that command lines of kube-controller-manager carry and that mean nothing here. */
const UPSTREAM_ONLY: readonly string[] = [
  'certificatesigningrequest-signing-controller', 'cloud-node-lifecycle-controller', 'clusterrole-aggregation-controller', 'cronjob-controller',
  'ephemeral-volume-controller', 'horizontal-pod-autoscaler-controller', 'job-controller', 'node-ipam-controller', 'node-route-controller',
  'persistentvolume-attach-detach-controller', 'persistentvolume-binder-controller', 'persistentvolume-expander-controller', 'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller', 'replicationcontroller-controller', 'resourcequota-controller', 'root-ca-certificate-publisher-controller',
  'service-cidr-controller', 'service-lb-controller', 'serviceaccount-token-controller', 'statefulset-controller',
  'ttl-after-finished-controller', 'ttl-controller', 'validatingadmissionpolicy-status-controller',
]
