// Every kind with rules of its own, by "group/plural"; the rest are stored under the generic rules.

import { equalJson } from '../object.ts'
import type { ApiResource } from '../registry/resource.ts'
import { genericStrategy, type Strategy } from '../registry/strategy.ts'
import { definitionStrategy } from '../custom-resources/definition-strategy.ts'
import type { TableLayout } from '../registry/table.ts'
import { CLAIM_TABLE, NAME_AND_AGE_TABLE } from '../tables/core.ts'
import {
  API_SERVICE_TABLE, FLOW_SCHEMA_TABLE, MUTATING_POLICY_TABLE, POLICY_BINDING_TABLE, PRIORITY_LEVEL_TABLE, VALIDATING_POLICY_TABLE, WEBHOOK_TABLE,
} from '../tables/policies.ts'
import {
  CSI_DRIVER_TABLE, CSI_NODE_TABLE, STORAGE_CLASS_TABLE, VOLUME_ATTACHMENT_TABLE, VOLUME_ATTRIBUTES_CLASS_TABLE, VOLUME_TABLE,
} from '../tables/storage.ts'
import {
  AUTOSCALER_TABLE, COMPONENT_TABLE, POD_TEMPLATE_TABLE, PRIORITY_CLASS_TABLE, QUOTA_TABLE, RESOURCE_CLAIM_TABLE, RESOURCE_SLICE_TABLE, REVISION_TABLE, RUNTIME_CLASS_TABLE,
} from '../tables/stored.ts'
import { CRON_JOB_TABLE } from '../tables/workloads.ts'
import { configMapStrategy, secretStrategy } from './core/data.ts'
import { endpointSliceStrategy, endpointsStrategy } from './core/endpoints.ts'
import { coreEventStrategy, newEventStrategy } from './core/event.ts'
import { namespaceStrategy } from './core/namespace.ts'
import { nodeStrategy } from './core/node.ts'
import { signingRequestStrategy } from './certificates/signing-request.ts'
import { leaseStrategy } from './coordination/lease.ts'
import { ipAddressStrategy, serviceCidrStrategy } from './networking/cluster-addresses.ts'
import { ingressClassStrategy, ingressStrategy } from './networking/ingress.ts'
import { autoscalerDefaults, claimStrategy, cronJobDefaults, defaulted, priorityClassDefaults, storageClassDefaults, volumeDefaults } from './stored-defaults.ts'
import { networkPolicyStrategy } from './networking/network-policy.ts'
import { budgetStrategy } from './policy/disruption-budget.ts'
import { roleBindingStrategy, roleStrategy } from './rbac/roles.ts'
import { podStrategy } from './pod/strategy.ts'
import { serviceStrategy } from './service/strategy.ts'
import { jobStrategy } from './workloads/job.ts'
import { daemonSetStrategy, deploymentStrategy, replicaSetStrategy, replicationControllerStrategy, statefulSetStrategy } from './workloads/apps.ts'

type Refine = (base: Strategy) => Strategy

const RBAC = 'rbac.authorization.k8s.io'
const shown = (table: TableLayout): Refine => base => ({ ...base, table })
/** Whoever relies on such an object must learn that it has no effect. */
const notCalled = (table: TableLayout): Refine => base => ({ ...base, table, warnings: ({ kind }) => [`a ${kind} is stored and has no effect: this server calls no admission webhooks and evaluates no admission policies`] })
const ADMISSION = 'admissionregistration.k8s.io'
const FLOW = 'flowcontrol.apiserver.k8s.io'

const STRATEGIES: Readonly<Record<string, Refine>> = {
  '/configmaps': configMapStrategy,
  '/endpoints': endpointsStrategy,
  '/events': coreEventStrategy,
  '/namespaces': namespaceStrategy,
  '/nodes': nodeStrategy,
  '/componentstatuses': shown(COMPONENT_TABLE),
  '/persistentvolumeclaims': base => ({ ...claimStrategy(base), deleteReturnsObject: true, table: CLAIM_TABLE }),
  '/persistentvolumes': base => ({ ...defaulted(volumeDefaults)(base), deleteReturnsObject: true, table: VOLUME_TABLE }),
  '/pods': podStrategy,
  '/podtemplates': base => ({ ...base, deleteReturnsObject: true, table: POD_TEMPLATE_TABLE }),
  '/replicationcontrollers': replicationControllerStrategy,
  '/resourcequotas': base => ({ ...base, deleteReturnsObject: true, table: QUOTA_TABLE }),
  '/secrets': secretStrategy,
  '/serviceaccounts': base => ({ ...base, deleteReturnsObject: true, table: NAME_AND_AGE_TABLE }),
  '/services': serviceStrategy,
  'apiextensions.k8s.io/customresourcedefinitions': definitionStrategy,
  [`${ADMISSION}/mutatingadmissionpolicies`]: notCalled(MUTATING_POLICY_TABLE),
  [`${ADMISSION}/mutatingadmissionpolicybindings`]: notCalled(POLICY_BINDING_TABLE),
  [`${ADMISSION}/mutatingwebhookconfigurations`]: notCalled(WEBHOOK_TABLE),
  [`${ADMISSION}/validatingadmissionpolicies`]: notCalled(VALIDATING_POLICY_TABLE),
  [`${ADMISSION}/validatingadmissionpolicybindings`]: notCalled(POLICY_BINDING_TABLE),
  [`${ADMISSION}/validatingwebhookconfigurations`]: notCalled(WEBHOOK_TABLE),
  [`${FLOW}/flowschemas`]: shown(FLOW_SCHEMA_TABLE),
  [`${FLOW}/prioritylevelconfigurations`]: shown(PRIORITY_LEVEL_TABLE),
  'apiregistration.k8s.io/apiservices': shown(API_SERVICE_TABLE),
  'apps/controllerrevisions': shown(REVISION_TABLE),
  'apps/daemonsets': daemonSetStrategy,
  'apps/deployments': deploymentStrategy,
  'apps/replicasets': replicaSetStrategy,
  'apps/statefulsets': statefulSetStrategy,
  'autoscaling/horizontalpodautoscalers': base => ({ ...defaulted(autoscalerDefaults)(base), table: AUTOSCALER_TABLE }),
  'certificates.k8s.io/certificatesigningrequests': signingRequestStrategy,
  'node.k8s.io/runtimeclasses': shown(RUNTIME_CLASS_TABLE),
  'resource.k8s.io/deviceclasses': shown(NAME_AND_AGE_TABLE),
  'resource.k8s.io/resourceclaims': shown(RESOURCE_CLAIM_TABLE),
  'resource.k8s.io/resourceclaimtemplates': shown(NAME_AND_AGE_TABLE),
  'resource.k8s.io/resourceslices': shown(RESOURCE_SLICE_TABLE),
  'scheduling.k8s.io/priorityclasses': base => ({ ...defaulted(priorityClassDefaults)(base), table: PRIORITY_CLASS_TABLE }),
  'storage.k8s.io/csidrivers': shown(CSI_DRIVER_TABLE),
  'storage.k8s.io/csinodes': shown(CSI_NODE_TABLE),
  'storage.k8s.io/storageclasses': base => ({ ...defaulted(storageClassDefaults)(base), table: STORAGE_CLASS_TABLE }),
  'storage.k8s.io/volumeattachments': shown(VOLUME_ATTACHMENT_TABLE),
  'storage.k8s.io/volumeattributesclasses': shown(VOLUME_ATTRIBUTES_CLASS_TABLE),
  'batch/cronjobs': base => ({ ...defaulted(cronJobDefaults)(base), table: CRON_JOB_TABLE }),
  'batch/jobs': jobStrategy,
  'coordination.k8s.io/leases': leaseStrategy,
  'discovery.k8s.io/endpointslices': endpointSliceStrategy,
  'events.k8s.io/events': newEventStrategy,
  'networking.k8s.io/ingressclasses': ingressClassStrategy,
  'networking.k8s.io/ingresses': ingressStrategy,
  'networking.k8s.io/ipaddresses': ipAddressStrategy,
  'networking.k8s.io/networkpolicies': networkPolicyStrategy,
  'networking.k8s.io/servicecidrs': serviceCidrStrategy,
  'policy/poddisruptionbudgets': budgetStrategy,
  [`${RBAC}/clusterrolebindings`]: roleBindingStrategy,
  [`${RBAC}/clusterroles`]: roleStrategy,
  [`${RBAC}/rolebindings`]: roleBindingStrategy,
  [`${RBAC}/roles`]: roleStrategy,
}

/** Groups whose DELETE answers the object. */
const RETURNING_GROUPS: ReadonlySet<string> = new Set(['storage.k8s.io', 'resource.k8s.io'])
/** Kinds stored as they come that still count the changes of their spec. */
const COUNTED: ReadonlySet<string> = new Set(['batch/jobs', 'batch/cronjobs', 'autoscaling/horizontalpodautoscalers'])

/** The strategy of a built-in resource. */
export function strategyOf(resource: ApiResource): Strategy {
  const key = `${resource.group}/${resource.plural}`
  const base: Strategy = {
    ...genericStrategy(resource),
    deleteReturnsObject: RETURNING_GROUPS.has(resource.group),
    ...(COUNTED.has(key) ? { generationChanges: specChanged } : {}),
  }
  return STRATEGIES[key]?.(base) ?? base
}

const specChanged: NonNullable<Strategy['generationChanges']> = (next, old) => !equalJson(next['spec'], old['spec'])
