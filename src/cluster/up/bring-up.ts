// Brings a cluster up, step by step, until real requests were answered.

import { openApiClient, type ApiClient } from '../../client/api-client.ts'
import { loadKubeconfig } from '../../client/kubeconfig/load.ts'
import { NODES } from '../../client/resources.ts'
import { formatPrefix } from '../../net/ip/prefix.ts'
import { silentLog } from '../../ops/log.ts'
import { grantAgentRole } from '../agent-role.ts'
import type { ClusterOptions } from '../cluster-options.ts'
import { clusterPaths } from '../cluster-paths.ts'
import { apiServerUrl, type ClusterPlan } from '../cluster-plan.ts'
import { isNodeReady } from '../cluster-state.ts'
import type { Progress } from '../console/progress.ts'
import { makeCredentials } from '../credentials/make-credentials.ts'
import { planApiServer, planControllerManager, planHostDaemons, type BaseEnvironment } from '../daemons-plan.ts'
import { createSample, whenSampleRuns } from '../sample/deploy-sample.ts'
import { podNetns, podsOf, tryClusterIp, tryNodePort, tryPod } from '../sample/try-sample.ts'
import type { Component } from '../supervisor/daemon.ts'
import type { Fleet } from '../supervisor/fleet.ts'
import { tearDown } from '../teardown.ts'
import { HOST_LINK } from '../underlay/make-underlay.ts'
import { waitFor } from '../../ops/wait-for.ts'
import { claimHosts, hasRemains } from './claim-cluster.ts'

export type UpOptions = Readonly<{
  cluster: ClusterOptions
  environment: BaseEnvironment
  progress: Progress
  fleet: Fleet
  signal: AbortSignal
}>

/** On two cores a host's daemons take a second to start; a hundred hosts take their time. */
const readyTimeoutMs = (plan: ClusterPlan): number => 30_000 + plan.hosts.length * 2_000

/** The caller owns fleet and tear-down, also when this throws. */
export async function bringUp(options: UpOptions): Promise<ClusterPlan> {
  const { progress, signal } = options
  const { name } = options.cluster
  if (await hasRemains(name)) await progress.step(`remains of an earlier cluster ${name} removed`, () => tearDown(name))
  const plan = await progress.step('joining hosts', () => claimHosts(options.cluster, { signal }), made => `${hostList(made)} joined on ${formatPrefix(made.underlay.prefix)}`)
  await progress.step('certificates and kubeconfigs', () => makeCredentials(plan))
  await startApiServer(plan, options)
  await using client = await openAdminClient(plan)
  await grantAgentRole(client, { signal })
  await startDaemons(plan, client, options)
  await runSample(plan, client, options)
  return plan
}

const hostList = ({ hosts }: ClusterPlan): string =>
  hosts.length <= 3 ? hosts.map(host => host.name).join(', ') : `${hosts[0].name} to ${hosts.at(-1)!.name}`

export async function openAdminClient(plan: ClusterPlan): Promise<ApiClient> {
  const config = await loadKubeconfig({ path: clusterPaths(plan.name).kubeconfig })
  return openApiClient({ config, userAgent: 'weft-up', log: silentLog() })
}

function startApiServer(plan: ClusterPlan, { fleet, environment, progress, signal }: UpOptions): Promise<void> {
  const server = fleet.start(planApiServer(plan, environment))
  return progress.step(`API server on ${apiServerUrl(plan)}`, () => server.whenReady({ timeoutMs: readyTimeoutMs(plan), signal }))
}

/** All start at once; the lines come in the order in which a packet would need them. */
async function startDaemons(plan: ClusterPlan, client: ApiClient, { fleet, environment, progress, signal }: UpOptions): Promise<void> {
  const patience = { timeoutMs: readyTimeoutMs(plan), signal }
  const controllers = fleet.start(planControllerManager(plan, environment))
  const started = plan.hosts.flatMap(host => planHostDaemons(plan, host, environment, HOST_LINK)).map(one => ({ one, daemon: fleet.start(one) }))
  const all = (component: Component): Promise<unknown> =>
    Promise.all(started.filter(({ one }) => one.component === component).map(({ daemon }) => daemon.whenReady(patience)))
  await progress.step('controllers', () => controllers.whenReady(patience))
  await progress.step('nodes registered', () => all('node'))
  await progress.step(`agents: ${plan.backend}, pod subnets out of ${formatPrefix(plan.podCidr)}`, () => all('agent'))
  await progress.step(`proxies: ${plan.proxyMode}, services out of ${formatPrefix(plan.serviceCidr)}`, () => all('proxy'))
  await progress.step('nodes ready', () => waitFor({
    what: 'all nodes to be ready',
    ...patience,
    look: async () => {
      const { items } = await client.list(NODES, { signal })
      const waiting = plan.hosts.filter(host => !items.some(node => node.metadata.name === host.name && isNodeReady(node)))
      return waiting.length === 0 ? { value: undefined } : `not ready: ${waiting.map(host => host.name).join(', ')}`
    },
  }))
}

async function runSample(plan: ClusterPlan, client: ApiClient, { progress, signal }: UpOptions): Promise<void> {
  const hosts = plan.hosts
  const service = await createSample(client, { hosts, signal })
  const pods = await progress.step('sample pods', () => whenSampleRuns(client, { hosts, signal }), found => `sample pods ${found.map(pod => `${pod.name} on ${pod.host}`).join(', ')}`)
  const [from, to] = [pods[0]!, pods[1]!]
  const netns = await podNetns(plan.name, from, { signal })
  await progress.step(`pod to pod: ${from.name} to ${to.name} at ${to.address}`, () => tryPod(netns, to, { signal }), answer =>
    `pod to pod: ${from.name} asked ${to.address}, ${answer.pod} on ${answer.host} answered and saw ${answer.client}`)
  const clusterIp = `${service.clusterIp}:${service.port}`
  await progress.step(`pod to cluster IP: ${from.name} to ${clusterIp}`, () => tryClusterIp(netns, service, { signal }), answers =>
    `pod to cluster IP: ${from.name} asked ${clusterIp}, answers from ${podsOf(answers).join(', ')}`)
  for (const host of hosts) {
    await progress.step(`outside to node port ${service.nodePort} of ${host.name}`, () => tryNodePort(host, service, { signal }), answers =>
      `outside to node port ${service.nodePort} of ${host.name}: answers from ${podsOf(answers).join(', ')}`)
  }
}

