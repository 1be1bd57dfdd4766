// Makes the requests that show the cluster carries traffic.

import { formatAddress } from '../../net/ip/address.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { openRtnl } from '../../net/rtnetlink/rtnl.ts'
import { WeftError } from '../../ops/errors.ts'
import type { ClusterName } from '../cluster-name.ts'
import type { HostPlan } from '../cluster-plan.ts'
import { ask, type EchoAnswer } from '../echo/ask.ts'
import { takeInventory } from '../inventory/inventory.ts'
import { waitFor } from '../../ops/wait-for.ts'
import type { SamplePod, SampleService } from './deploy-sample.ts'
import { HTTP_PORT } from './sample-objects.ts'

/** Each request is short; the proxies may still be a moment behind the endpoints. */
const REQUEST_TIMEOUT_MS = 2_000
const TIMEOUT_MS = 20_000

type Options = Readonly<{ signal: AbortSignal }>

/** From the machine to the node port of one host, until more than one pod has answered. */
export const tryNodePort = (host: HostPlan, service: SampleService, options: Options): Promise<readonly EchoAnswer[]> =>
  askUntilTwoPods(`http://${formatHostPort(formatAddress(host.address), service.nodePort)}/`, options)

/** From inside a pod to the Service's cluster IP, until more than one pod has answered. */
export const tryClusterIp = (netns: string, service: SampleService, options: Options): Promise<readonly EchoAnswer[]> =>
  askUntilTwoPods(`http://${formatHostPort(service.clusterIp, service.port)}/`, { netns, ...options })

/** From inside a pod to another pod. */
export function tryPod(netns: string, pod: SamplePod, options: Options): Promise<EchoAnswer> {
  const url = `http://${formatHostPort(pod.address, HTTP_PORT)}/`
  const look = async () => ({ value: await ask(url, { netns, timeoutMs: REQUEST_TIMEOUT_MS, ...options }) })
  return waitFor({ what: `an answer from ${url}`, timeoutMs: TIMEOUT_MS, look, ...options })
}

/** Path of the network namespace whose own address is the pod's: what the kernel says, not what a record says. */
export async function podNetns(cluster: ClusterName, pod: SamplePod, options: Options): Promise<string> {
  const { mounts, processes } = await takeInventory(cluster)
  const paths = [...mounts.filter(mount => mount.netnsInode !== undefined).map(mount => mount.mountPoint), ...processes.map(({ pid }) => `/proc/${pid}/ns/net`)]
  for (const path of paths) {
    await using rtnl = openRtnl({ netns: path })
    const addresses = await rtnl.addresses.list(options)
    if (addresses.some(({ address }) => formatAddress(address) === pod.address)) return path
  }
  throw new WeftError('SAMPLE_FAILED', `no network namespace has the address ${pod.address} of pod ${pod.name}`, { pod: pod.name })
}

function askUntilTwoPods(url: string, options: Options & Readonly<{ netns?: string }>): Promise<readonly EchoAnswer[]> {
  const answers: EchoAnswer[] = []
  return waitFor({
    what: `answers from several pods at ${url}`,
    timeoutMs: TIMEOUT_MS,
    signal: options.signal,
    look: async () => {
      // Eight are enough more often than not: with two pods and fair choice, all come from one in one run of 128.
      for (let index = 0; index < 8 && podsOf(answers).length < 2; index++) answers.push(await ask(url, { timeoutMs: REQUEST_TIMEOUT_MS, ...options }))
      return podsOf(answers).length > 1 ? { value: answers } : `${answers.length} answers, all from ${answers[0]!.pod}`
    },
  })
}

/** The pods that answered, each once, in the order of their names. */
export const podsOf = (answers: readonly EchoAnswer[]): readonly string[] => [...new Set(answers.map(answer => answer.pod))].sort()
