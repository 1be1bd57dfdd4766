// Which failures a fault excuses, and for how long. Whatever is not listed here must never be seen by a client.

import type { Component } from '../../../src/cluster/supervisor/daemon.ts'
import type { Fault, KernelObject } from '../plan/fault.ts'
import type { Attempt, Happened, Path } from './attempt.ts'

/** What docs/pod-network.md and docs/service-proxy.md promise for what was taken away. */
const REPAIR_MS = 1_000
/** On top of every bound, for a machine that runs much else besides. */
export const SLACK_MS = 2_000
/**
 * Linux sends a first SYN again after 1 s (net/ipv4: TCP_TIMEOUT_INIT) and doubles the wait; a line of an established connection waits for
 * a time that doubles from 200 ms with each loss. A client may therefore notice the end of an outage late by as long as the outage lasted.
 */
const RETRANSMISSION_MS = 1_000

export type Excuse = Readonly<{ fromMs: number; untilMs: number; excuses: (attempt: Attempt) => boolean; because: Fault }>

/** The windows in which `happened` faults excuse failures. Faults that excuse nothing yield nothing. */
export const planExcuses = (happened: readonly Happened[]): readonly Excuse[] => happened.flatMap(each => excusesOf(each, happened))

function excusesOf({ fault, fromMs, untilMs }: Happened, all: readonly Happened[]): readonly Excuse[] {
  const window = (lengthMs: number, touches: (path: Path) => boolean, more: (attempt: Attempt) => boolean = () => true): Excuse =>
    ({ fromMs, untilMs: fromMs + lengthMs + SLACK_MS, excuses: attempt => touches(attempt.path) && more(attempt), because: fault })
  const wire = (lengthMs: number): readonly Excuse[] => [window(lengthMs, path => leavesOrEnters(path, 'host' in fault ? fault.host : ''))]
  const lasted = untilMs - fromMs
  switch (fault.kind) {
    // The data plane goes on without its daemons, whatever they think the time is, and without a disk or a store.
    case 'kill':
    case 'freeze':
    case 'fill-disk':
    case 'step-clock':
    case 'restart-etcd':
      return []
    // What is late or comes twice must still come. Only while the bad wire is put in and taken out does nothing pass.
    case 'disorder':
      return [...wire(RETRANSMISSION_MS), ...wire(RETRANSMISSION_MS).map(each => ({ ...each, fromMs: untilMs, untilMs: each.untilMs + lasted }))]
    case 'cut':
    case 'drop':
      return wire(2 * lasted + RETRANSMISSION_MS)
    case 'bounce':
      return wire(2 * lasted + RETRANSMISSION_MS + mendedMs({ byAgent: true, host: fault.host, fromMs: untilMs }, all))
    case 'delete': {
      const bridge = fault.what.startsWith('bridge')
      const touches = (path: Path): boolean => (bridge ? reaches(path, fault.host) : leavesOrEnters(path, fault.host))
      return [window(mendedMs({ byAgent: true, host: fault.host, fromMs }, all) + RETRANSMISSION_MS, touches)]
    }
    case 'flush':
      return [window(mendedMs({ byAgent: true, byProxy: true, host: fault.host, fromMs }, all), path => servedThere(path, fault.host), attempt => startsAFlow(attempt) || fault.what === 'everything')]
    case 'kill-container':
      return [window(lasted, path => path.to.some(({ pod }) => pod === fault.pod))]
    default:
      return fault satisfies never
  }
}

/**
 * Whether a fault may break an established connection on this path, instead of only holding it up. When an interface goes down or loses
 * its address, the kernel forgets every connection it masqueraded there (net/netfilter/nf_nat_masquerade.c: masq_device_event,
 * masq_inet_event), and so it does with one whose packets suddenly leave by another interface, as by the default route when a pod
 * subnet's own is gone (net/netfilter/nf_nat_core.c: nf_nat_oif_changed); through Services that is what comes in from outside, and what a pod sends to itself. When the last table that
 * translates is gone, the kernel stops translating altogether (nf_nat_unregister_fn), so that packets of old connections meet the host's
 * own TCP, which resets them, until the first table is back.
 */
export function mayBreak(fault: Fault, path: Path): boolean {
  switch (fault.kind) {
    case 'kill-container':
      return path.to.some(({ pod }) => pod === fault.pod)
    case 'bounce':
      return path.servedAt === fault.host
    case 'flush':
      return path.servedAt === fault.host && fault.what === 'everything'
    case 'delete':
      return path.servedAt === fault.host && UNMASKS.has(fault.what)
    default:
      return false
  }
}

const UNMASKS: ReadonlySet<KernelObject> = new Set(['route', 'tunnel', 'tunnel-up', 'tunnel-address', 'bridge', 'bridge-address'])

/** How long after `fromMs` the damage is mended: at once by a daemon that is at work, else when the daemon is back. */
function mendedMs({ byAgent, byProxy, host, fromMs }: Readonly<{ byAgent?: true; byProxy?: true; host: string; fromMs: number }>, all: readonly Happened[]): number {
  const menders: ReadonlySet<Component> = new Set([...(byAgent ? ['agent' as const] : []), ...(byProxy ? ['proxy' as const] : [])])
  let mendedAt = fromMs + REPAIR_MS
  for (let before = 0; before !== mendedAt;) {
    before = mendedAt
    for (const { fault, fromMs: from, untilMs: until } of all) {
      const absent = (fault.kind === 'kill' || fault.kind === 'freeze') && fault.host === host && menders.has(fault.component)
      if (absent && from <= mendedAt && until > fromMs) mendedAt = Math.max(mendedAt, until + REPAIR_MS)
    }
  }
  return mendedAt - fromMs
}

/** Established connections keep the translation they began with (conntrack), so rules that vanish are not their concern. */
const startsAFlow = ({ kind }: Attempt): boolean => kind === 'request' || kind === 'datagram'

/** Whether packets may cross the host's wire to the others. */
function leavesOrEnters(path: Path, host: string): boolean {
  const hops = path.to.flatMap(to => [[path.from, path.servedAt ?? to.host], [path.servedAt ?? path.from, to.host]] as const)
  return hops.some(([a, b]) => a !== b && (a === host || b === host))
}

/** Whether packets may begin, end or be forwarded there. */
const reaches = (path: Path, host: string): boolean => path.from === host || path.servedAt === host || path.to.some(to => to.host === host)

const servedThere = (path: Path, host: string): boolean => path.servedAt === host
