// A CNI server in a process of its own, as the agent runs it: started inside a host's namespace, told by its one argument
// what to serve, and ended by a signal. `stopAt` ends it the hard way at a step of ADD or DEL.

import { execFileSync } from 'node:child_process'
import { openCniServer } from '../../../cni/plugin/server.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { openMetrics } from '../../../src/ops/metrics.ts'
import { openLog } from '../../../src/ops/log.ts'
import { runProcess } from '../../../src/ops/process.ts'

export type AgentArguments = Readonly<{
  socketPath?: string
  stateDir: string
  queueDir: string
  confDir: string
  binDir: string
  lease?: Readonly<{ subnets: readonly string[]; mtu: number; clusterCidrs: readonly string[] }>
  publish?: boolean
  stopAt?: string
  /** Runs a program to its end at a step of ADD or DEL. */
  runAt?: Readonly<{ step: string; command: readonly string[] }>
}>

const options = JSON.parse(process.argv[2]!) as AgentArguments
const log = openLog({ level: 'debug' })
const registry = openMetrics()
process.on('SIGUSR2', () => void registry.metrics().then(metrics => log.info({ metrics }, 'metrics')))

await runProcess(log, async signal => {
  await using server = await openCniServer({
    ...options,
    log,
    registry,
    signal,
    onStep: step => {
      if (step === options.stopAt) process.kill(process.pid, 'SIGKILL')
      if (step === options.runAt?.step) execFileSync(options.runAt.command[0]!, options.runAt.command.slice(1))
    },
  })
  if (options.lease !== undefined) {
    const prefixes = (texts: readonly string[]): readonly ReturnType<typeof parsePrefix>[] => texts.map(text => parsePrefix(text, 'lease'))
    server.setLease({ subnets: prefixes(options.lease.subnets), mtu: options.lease.mtu, clusterCidrs: prefixes(options.lease.clusterCidrs) })
  }
  if (options.publish === true) await server.publish()
  log.info({ socketPath: server.socketPath }, 'ready')
  await new Promise<void>(resolve => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    setInterval(() => {}, 60_000).unref() // nothing else may keep the loop alive
    process.stdin.resume()
  })
  process.stdin.destroy()
})
