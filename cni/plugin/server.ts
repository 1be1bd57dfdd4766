// The CNI server: what the agent runs so that container runtimes can wire pods on this host.

import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/ops/clock.ts'
import { backoffMs } from '../../src/ops/backoff.ts'
import { Doorbell, reconcileLoop } from '../../src/ops/wake.ts'
import type { RtnlEvent } from '../../src/net/rtnetlink/watch.ts'
import type { CniHost } from './host/cni-host.ts'
import { install } from './install/install.ts'
import { Bridges } from './link/bridges.ts'
import { HostNetwork } from './link/host-network.ts'
import { LinkReaper } from './link/link-reaper.ts'
import { cniMetrics } from './host/cni-metrics.ts'
import { Collector } from './maintain/collect.ts'
import { recover } from './maintain/recover.ts'
import { repairBridges } from './maintain/repair-bridges.ts'
import type { CniServer, CniServerOptions, PodLease } from './options.ts'
import { DeletionQueue } from './queue/deletion-queue.ts'
import { handleConnection } from './socket/connection.ts'
import { acquireInstanceLock } from './socket/instance-lock.ts'
import { listenAt } from './socket/listen.ts'
import { PodRules } from './rules/pod-rules.ts'
import { AttachmentStore } from './store/attachment-store.ts'
import { Scheduler } from './verbs/scheduler.ts'
import { serve, type ServeOptions } from './verbs/serve.ts'

const DEFAULT_QUEUE = '/var/lib/weft/cni/queue'
const MAINTAIN_INTERVAL_MS = 60_000
/** A burst of changes is looked at once. */
const SETTLE_MS = 200
const MAINTAIN_RETRY = { initialMs: 500, maxMs: 30_000, factor: 2, jitter: 0.2 }

/** Opens everything in the network namespace of the calling thread, listens, and settles what earlier lives left behind. */
export async function openCniServer(options: CniServerOptions): Promise<CniServer> {
  const { log } = options
  const clock = systemClock
  const networkName = options.networkName ?? DEFAULT_NETWORK
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  await using undo = new AsyncDisposableStack()

  const network = undo.use(HostNetwork.open())
  const socketPath = options.socketPath ?? `/run/weft/ns/${network.identity.inode}.sock`
  undo.use(acquireInstanceLock(`${socketPath}.lock`))
  const store = AttachmentStore.open({ folder: options.stateDir, bootId, log })
  undo.defer(() => store.close())
  const reaper = undo.use(new LinkReaper(network))
  const doorbell = new Doorbell()
  const rules = undo.use(new PodRules(() => store.list(), () => doorbell.ring('rules changed')))
  let lease: PodLease | undefined
  const host: CniHost = { network, bridges: new Bridges(network, log), reaper, store, rules, clock, log, lease: () => lease, reached: options.onStep ?? (() => {}) }

  const scheduler = new Scheduler()
  const queueReady = Promise.withResolvers<void>()
  queueReady.promise.catch(() => undefined)
  const metrics = options.registry === undefined ? undefined : cniMetrics(options.registry, { scheduler, store })
  const serveOptions: ServeOptions = { host, scheduler, ready: queueReady.promise, ...(metrics && { onServed: metrics.served }) }
  const queue = new DeletionQueue({
    folder: options.queueDir ?? DEFAULT_QUEUE, bootId, host: network.identity, clock, log,
    carryOut: async entry => {
      const attachment = store.get('interface', entry.request)
      const overtaken = entry.bootId === bootId && attachment !== undefined && attachment.startedNs > entry.queuedMonotonicNs
      if (overtaken) return
      const { reply } = await serve({ ...entry.request, remainingMs: QUEUED_LIMIT_MS }, { pid: 0 }, { ...serveOptions, wholeDeletion: true })
      if (reply.exitCode !== 0) throw new Error(reply.stdout.trim())
      log.info({ containerId: entry.request.containerId, ifname: entry.request.ifname }, 'queued deletion carried out')
    },
  })

  const running = new Set<Promise<void>>()
  undo.use(await listenAt(socketPath, socket => {
    const handled = handleConnection(socket, (request, caller) => serve(request, caller, serveOptions), log)
    running.add(handled)
    void handled.finally(() => running.delete(handled))
  }))
  const recoveringSince = clock.monotonicMs()
  await recover(host)
  try {
    await rules.sync({ signal })
  } catch (err) {
    log.warn({ err }, 'packet filter of pods cannot be written; host ports and masquerading will fail')
  }
  network.onEvent(event => {
    if (needsLook(event, store)) doorbell.ring('link changed')
  })
  let published = false
  const collector = new Collector(host, () => metrics?.collected())
  const maintaining = reconcileLoop({
    doorbell, clock, signal, resyncIntervalMs: MAINTAIN_INTERVAL_MS,
    pass: async () => {
      await clock.sleep(SETTLE_MS, { signal })
      const links = await network.rtnl.links.list({ signal })
      await collector.pass(links)
      await repairBridges(host, links, { signal })
      const mended = await rules.repair({ signal })
      if (mended.length > 0) log.warn({ families: mended }, 'packet filter table of pods put back')
      await store.flush()
      await queue.drain()
      if (published) await install({ ...options, networkName, log })
    },
    retryMs: failures => backoffMs(MAINTAIN_RETRY, failures, Math.random()),
    onFailure: (err, failures) => log.warn({ err, failures }, 'cni maintenance failed'),
  })
  undo.defer(async () => {
    stop.abort(new DOMException('closed', 'AbortError'))
    await Promise.allSettled([maintaining, ...running])
  })
  queue.watch({ signal })
  await queue.drainAtStart({ signal })
  queueReady.resolve()
  log.info({ socketPath, attachments: store.list().length, recoveryMs: Math.round(clock.monotonicMs() - recoveringSince) }, 'cni socket serving')

  const resources = undo.move()
  return {
    socketPath,
    setLease: next => {
      lease = next
      doorbell.ring('lease changed')
    },
    publish: async () => {
      await install({ ...options, networkName, log })
      published = true
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Name of the pod network in the configuration list. */
const DEFAULT_NETWORK = 'weft'
const QUEUED_LIMIT_MS = 30_000

/** Only losses that concern a live attachment or its bridge. */
function needsLook(event: RtnlEvent, store: AttachmentStore): boolean {
  if (event.kind === 'resync') return true
  const live = store.list().filter(each => each.state === 'active' && each.link !== undefined)
  if (event.kind === 'address') return event.change === 'removed' && live.length > 0
  if (event.kind !== 'link') return false
  const { name, masterIndex } = event.value
  if (event.change === 'removed') return live.some(({ link }) => link!.host === name || link!.bridge === name)
  return live.some(({ link }) => (link!.host === name && masterIndex === undefined) || (link!.bridge === name && !event.value.up))
}
