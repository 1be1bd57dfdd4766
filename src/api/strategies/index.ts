// Every kind with rules of its own, by "group/plural"; the rest are stored under the generic rules.

import { equalJson } from '../object.ts'
import type { ApiResource } from '../registry/resource.ts'
import { genericStrategy, type Strategy } from '../registry/strategy.ts'
import { definitionStrategy } from '../custom-resources/definition-strategy.ts'
import { CLAIM_TABLE } from '../tables/core.ts'
import { CRON_JOB_TABLE } from '../tables/workloads.ts'
import { configMapStrategy, secretStrategy } from './core/data.ts'
import { endpointSliceStrategy, endpointsStrategy } from './core/endpoints.ts'
import { coreEventStrategy, newEventStrategy } from './core/event.ts'
import { namespaceStrategy } from './core/namespace.ts'
import { nodeStrategy } from './core/node.ts'
import {
  budgetStrategy, ipAddressStrategy, leaseStrategy, roleBindingStrategy, roleStrategy, serviceAccountStrategy, serviceCidrStrategy,
} from './core/small.ts'
import { ingressClassStrategy, ingressStrategy } from './networking/ingress.ts'
import { networkPolicyStrategy } from './networking/network-policy.ts'
import { podStrategy } from './pod/strategy.ts'
import { serviceStrategy } from './service/strategy.ts'
import { jobStrategy } from './workloads/job.ts'
import { daemonSetStrategy, deploymentStrategy, replicaSetStrategy, replicationControllerStrategy, statefulSetStrategy } from './workloads/apps.ts'

type Refine = (base: Strategy) => Strategy

const RBAC = 'rbac.authorization.k8s.io'
const returned: Refine = base => ({ ...base, deleteReturnsObject: true })

const STRATEGIES: Readonly<Record<string, Refine>> = {
  '/configmaps': configMapStrategy,
  '/endpoints': endpointsStrategy,
  '/events': coreEventStrategy,
  '/namespaces': namespaceStrategy,
  '/nodes': nodeStrategy,
  '/persistentvolumeclaims': base => ({ ...base, deleteReturnsObject: true, table: CLAIM_TABLE }),
  '/persistentvolumes': returned,
  '/pods': podStrategy,
  '/podtemplates': returned,
  '/replicationcontrollers': replicationControllerStrategy,
  '/resourcequotas': returned,
  '/secrets': secretStrategy,
  '/serviceaccounts': serviceAccountStrategy,
  '/services': serviceStrategy,
  'apiextensions.k8s.io/customresourcedefinitions': definitionStrategy,
  'apps/daemonsets': daemonSetStrategy,
  'apps/deployments': deploymentStrategy,
  'apps/replicasets': replicaSetStrategy,
  'apps/statefulsets': statefulSetStrategy,
  'batch/cronjobs': base => ({ ...base, table: CRON_JOB_TABLE }),
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
