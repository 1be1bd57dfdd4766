// Makes the requests that show the cluster carries traffic.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { formatAddress } from '../../net/ip/address.ts'
import { formatHostPort } from '../../net/ip/port.ts'
import { openRtnl } from '../../net/rtnetlink/rtnl.ts'
import { WeftError } from '../../ops/errors.ts'
import type { ClusterName } from '../cluster-name.ts'
import type { HostPlan } from '../cluster-plan.ts'
import { ask, type EchoAnswer } from '../echo/ask.ts'
import { takeInventory } from '../inventory/inventory.ts'
import type { WeftProgram } from '../supervisor/run-daemon.ts'
import { waitFor } from '../wait-for.ts'
import type { SamplePod, SampleService } from './deploy-sample.ts'
import { HTTP_PORT } from './sample-objects.ts'

/** Each request is short; the proxies may still be a moment behind the endpoints. */
const REQUEST_TIMEOUT_MS = 2_000
const TIMEOUT_MS = 20_000
/** With two pods and fair choice, all of twenty answers come from one in one run of half a million. */
const ASK_TIMES = 20

type Options = Readonly<{ signal: AbortSignal }>

/** From the machine to the node port of one host, until more than one pod has answered. */
export function tryNodePort(host: HostPlan, service: SampleService, options: Options): Promise<readonly EchoAnswer[]> {
  const url = `http://${formatHostPort(formatAddress(host.address), service.nodePort)}/`
  return askUntilTwoPods(url, async () => [await ask(url, { timeoutMs: REQUEST_TIMEOUT_MS, ...options })], options)
}

/** From inside a pod to the Service's cluster IP, until more than one pod has answered. */
export function tryClusterIp(netns: string, service: SampleService, program: WeftProgram, options: Options): Promise<readonly EchoAnswer[]> {
  const url = `http://${formatHostPort(service.clusterIp, service.port)}/`
  return askUntilTwoPods(url, () => askFrom(netns, url, ASK_TIMES, program, options), options)
}

/** From inside a pod to another pod. */
export function tryPod(netns: string, pod: SamplePod, program: WeftProgram, options: Options): Promise<readonly EchoAnswer[]> {
  const url = `http://${formatHostPort(pod.address, HTTP_PORT)}/`
  return waitFor({ what: url, timeoutMs: TIMEOUT_MS, look: async () => ({ value: await askFrom(netns, url, 1, program, options) }), ...options })
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

function askUntilTwoPods(url: string, once: () => Promise<readonly EchoAnswer[]>, options: Options): Promise<readonly EchoAnswer[]> {
  const answers: EchoAnswer[] = []
  return waitFor({
    what: `answers from several pods at ${url}`,
    timeoutMs: TIMEOUT_MS,
    look: async () => {
      answers.push(...(await once()))
      const pods = podsOf(answers)
      return pods.length > 1 ? { value: answers } : `${answers.length} answers, all from ${pods[0]}`
    },
    ...options,
  })
}

/** The pods that answered, each once, in the order of their names. */
export const podsOf = (answers: readonly EchoAnswer[]): readonly string[] => [...new Set(answers.map(answer => answer.pod))].sort()

/** Runs the echo client inside a network namespace. */
async function askFrom(netns: string, url: string, times: number, program: WeftProgram, { signal }: Options): Promise<readonly EchoAnswer[]> {
  const seconds = String(REQUEST_TIMEOUT_MS / 1000)
  const args = [`--net=${netns}`, '--', program.node, program.main, 'echo', '--ask', url, '--times', String(times), '--timeout', seconds]
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
  const [output, problem, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new WeftError('ECHO_FAILED', problem.trim() || `the client ended with ${code}`, { url }, { retryable: true })
  return output.trim().split('\n').map(line => {
    const [pod, host, client] = line.split(' ').map(word => word.slice(word.indexOf('=') + 1))
    return { pod: pod!, host: host!, client: client! }
  })
}
