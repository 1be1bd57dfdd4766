// The node part as a whole: registers the node, follows the pods bound to it, and works them off one by one.

import { randomBytes } from 'node:crypto'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../client/api-client.ts'
import { TransportError } from '../client/errors.ts'
import { EventRecorder } from '../client/event-recorder.ts'
import { startInformer } from '../client/informer/informer.ts'
import { refKey, type Stored } from '../client/objects.ts'
import { PODS } from '../client/resources.ts'
import { WorkQueue } from '../client/work-queue.ts'
import { backoffMs, type Backoff } from '../ops/backoff.ts'
import type { Clock } from '../ops/clock.ts'
import { isRetryable } from '../ops/errors.ts'
import type { Logger } from '../ops/log.ts'
import { Doorbell, reconcileLoop } from '../ops/wake.ts'
import type { CniNetwork } from './cni/cni-network.ts'
import { apiConfigSource } from './config-source.ts'
import type { ImagePrograms } from './container/command.ts'
import { PodReporter } from './pod/pod-reporter.ts'
import { PodSync } from './pod/pod-sync.ts'
import { KubeletEndpoint, type EndpointOptions } from './endpoint/kubelet-endpoint.ts'
import { PodFolders } from './process-runtime/pod-folders.ts'
import { ProcessRuntime } from './process-runtime/process-runtime.ts'
import type { MachineFacts, Problem } from './registration/node-object-plan.ts'
import { HEARTBEAT_MS, Registration } from './registration/registration.ts'

export type NodeOptions = Readonly<{
  client: ApiClient
  facts: MachineFacts
  folders: PodFolders
  network: CniNetwork
  programs: ImagePrograms
  /** What the port for logs needs; undefined: there is none. */
  endpoint: Pick<EndpointOptions, 'address' | 'port' | 'certificatePem' | 'privateKeyPem' | 'clientCaPem'> | undefined
  clock: Clock
  log: Logger
  signal: AbortSignal
}>

/** Pods worked on at the same time; starting one is mostly waiting for programs. */
const CONCURRENCY = 8

/** How often every pod is looked at although nothing was told. */
const RESYNC_MS = 10_000

/** How often a node that cannot run pods looks whether it can by now. */
const NOT_READY_MS = 500

/** Shorter than a controller's: someone waits for these pods. */
const POD_BACKOFF: Backoff = { initialMs: 10, maxMs: 10_000, factor: 2, jitter: 0.2 }

const HEARTBEAT_BACKOFF: Backoff = { initialMs: 200, maxMs: 7_000, factor: 2, jitter: 0.2 }

/** Runs until the signal aborts. Pods go on running then, and are found again by the next run. */
export async function runNode(options: NodeOptions): Promise<void> {
  const { client, facts, folders, network, programs, clock, log, signal } = options
  const queue = new WorkQueue({ clock, backoff: POD_BACKOFF })
  const reports = new WorkQueue({ clock, backoff: POD_BACKOFF })
  await using runtime = await ProcessRuntime.open({ folders, network, clock, onChange: uid => queue.add(uid) })
  const informer = startInformer<Pod>({
    client, resource: PODS, fieldSelector: `spec.nodeName=${facts.name}`, indexes: { uid: ({ metadata }: Stored<Pod>) => [metadata.uid] }, log, clock, signal,
  })
  const podOf = (uid: string): Stored<Pod> | undefined => informer.cache.byIndex('uid', uid)[0]
  await using _endpoint = options.endpoint === undefined ? undefined : await KubeletEndpoint.open({
    ...options.endpoint, clock, log, containersOf: (namespace, name) => {
      const pod = informer.cache.get(refKey({ namespace, name }))
      return pod === undefined ? undefined : folders.containers(pod.metadata.uid)
    },
  })
  const events = new EventRecorder({ client, component: 'weft-node', host: facts.name, clock, newId: () => randomBytes(8).toString('hex'), signal })
  const pods = new PodSync({
    client, runtime, podOf, nodeName: facts.name, hostIPs: facts.addresses, programs, configSource: apiConfigSource(client, signal), events,
    again: (uid, afterMs) => queue.addAfter(uid, afterMs), report: uid => reports.add(uid), reportNow: uid => reporter.report(uid), clock, log, signal,
  })
  const reporter = new PodReporter({ client, found: uid => pods.found(uid), podOf, failures: uid => pods.failures(uid), verdicts: uid => pods.verdicts(uid), hostIPs: facts.addresses, clock, signal })
  const logFailure = (what: string) => (uid: string, err: unknown, failures: number): void => {
    if (err instanceof TransportError) client.outages.failed(what, err)
    // Every failure that outlives a few tries shows once per doubling.
    else if ((failures & (failures - 1)) === 0) log[isRetryable(err) ? 'warn' : 'error']({ err, uid, failures }, `could not ${what}`)
  }
  const registering = keepRegistered(options)
  const checking = runtime.checkNetworks({ signal }).then(wrong => {
    for (const { uid, error } of wrong) log.warn({ uid, err: error }, 'the network of a pod is not as it was made')
  }).catch((err: unknown) => {
    if (!signal.aborted) log.error({ err }, 'could not look at the networks of running pods')
  })
  try {
    // Before the whole list is known, a pod that is missing from it must not be taken for a deleted one.
    await informer.synced
    informer.onChange(({ object }) => queue.add(object.metadata.uid))
    for (const uid of await runtime.list()) queue.add(uid)
    await Promise.all([
      registering,
      checking,
      lookAtAll(async () => [...[...informer.cache.values()].map(({ metadata }) => metadata.uid), ...(await runtime.list())], queue, { clock, signal }),
      queue.process({ concurrency: CONCURRENCY, signal, work: uid => pods.sync(uid), onFailure: logFailure('bring a pod to its desired state') }),
      reports.process({
        concurrency: CONCURRENCY, signal, onFailure: logFailure('write the status of a pod'),
        work: async uid => {
          await reporter.report(uid)
          client.outages.succeeded('write the status of a pod')
        },
      }),
    ])
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    pods.stop()
    for (const each of [queue, reports]) each.close()
  }
}

async function lookAtAll(uids: () => Promise<readonly string[]>, queue: WorkQueue, { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(RESYNC_MS, { signal }).catch(() => {})
    if (!signal.aborted) for (const uid of await uids()) queue.add(uid)
  }
}

async function keepRegistered({ client, facts, network, clock, log, signal }: NodeOptions): Promise<void> {
  const problem = (): Problem => {
    try {
      network.config()
      return undefined
    } catch (error) {
      return { reason: 'KubeletNotReady', message: `container runtime network not ready: ${(error as Error).message}` }
    }
  }
  const registration = new Registration({ client, facts, problem, clock })
  const doorbell = new Doorbell()
  let registered = false
  const looking = lookForNetwork(problem, doorbell, { clock, signal })
  await reconcileLoop({
    doorbell, clock, signal, resyncIntervalMs: HEARTBEAT_MS,
    pass: async () => {
      await registration.heartbeat({ signal })
      client.outages.succeeded('register the node')
      if (!registered) log.info({ addresses: facts.addresses }, 'ready')
      registered = true
    },
    onFailure: error => client.outages.failed('register the node', error),
    retryMs: failures => backoffMs(HEARTBEAT_BACKOFF, failures, Math.random()),
  })
  await looking
}

/** Reports at once when the network becomes ready or is lost, instead of at the next heartbeat. */
async function lookForNetwork(problem: () => Problem, doorbell: Doorbell, { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>): Promise<void> {
  let before = problem()?.message
  while (!signal.aborted) {
    await clock.sleep(NOT_READY_MS, { signal }).catch(() => {})
    const now = problem()?.message
    if (now !== before) doorbell.ring('network changed')
    before = now
  }
}
