import test from 'ava'
import type { Attempt, Happened, Path } from '../../chaos/judge/attempt.ts'
import { formatViolation, judge } from '../../chaos/judge/judge.ts'
import type { Fault } from '../../chaos/plan/fault.ts'

const PODS = [{ pod: 'echo-1', host: 'host-1' }, { pod: 'echo-2', host: 'host-2' }, { pod: 'echo-3', host: 'host-3' }]
const POD_TO_POD: Path = { from: 'host-1', servedAt: undefined, to: [PODS[1]!] }
const CLUSTER_IP: Path = { from: 'host-1', servedAt: 'host-1', to: PODS }
const NODE_PORT: Path = { from: 'outside', servedAt: 'host-3', to: PODS }

const attempt = (path: Path, startMs: number, more: Partial<Attempt> = {}): Attempt =>
  ({ client: 'c', path, kind: 'request', openedMs: startMs, startMs, endMs: startMs + 10, failure: 'ECONNREFUSED', ...more })
const at = (fault: Fault, fromMs: number, untilMs = fromMs): Happened => ({ fault, fromMs, untilMs })
const violations = (attempts: readonly Attempt[], happened: readonly Happened[]): number => judge(attempts, happened).violations.length

test('a daemon that dies, freezes, loses its disk or its time of day excuses nothing', t => {
  const faults: readonly Fault[] = [
    { kind: 'kill', host: 'host-1', component: 'proxy', signal: 'SIGKILL' }, { kind: 'freeze', host: 'host-1', component: 'agent', forMs: 1_000 }, { kind: 'fill-disk', forMs: 1_000 },
    { kind: 'step-clock', host: 'host-1', bySeconds: 3_600, forMs: 1_000 }, { kind: 'restart-etcd', signal: 'SIGTERM', forMs: 1_000 },
  ]
  for (const fault of faults) t.is(violations([attempt(CLUSTER_IP, 1_500)], [at(fault, 1_000, 2_000)]), 1, fault.kind)
})

test('a cut excuses what crosses that wire, while it lasts and while clients wait for their next retransmission', t => {
  const cut = [at({ kind: 'cut', host: 'host-2', forMs: 2_000 }, 10_000, 12_000)]
  t.is(violations([attempt(POD_TO_POD, 11_000)], cut), 0)
  t.is(violations([attempt(POD_TO_POD, 9_000, { endMs: 10_500 })], cut), 0)
  t.is(violations([attempt(POD_TO_POD, 9_000)], cut), 1)
  t.is(violations([attempt(POD_TO_POD, 20_000)], cut), 1)
  t.is(violations([attempt({ ...POD_TO_POD, to: [PODS[2]!] }, 11_000)], cut), 1)
  t.is(violations([attempt({ from: 'host-2', servedAt: undefined, to: [PODS[1]!] }, 11_000)], cut), 1)
  t.is(violations([attempt(NODE_PORT, 11_000)], cut), 0)
})

test('flushed rules excuse new connections through that host for the second that mending may take', t => {
  const flush = [at({ kind: 'flush', host: 'host-3', what: 'nat' }, 10_000)]
  t.is(violations([attempt(NODE_PORT, 10_500)], flush), 0)
  t.is(violations([attempt(NODE_PORT, 15_000)], flush), 1)
  t.is(violations([attempt(CLUSTER_IP, 10_500)], flush), 1)
  t.is(violations([attempt(NODE_PORT, 10_500, { kind: 'line', openedMs: 0 })], flush), 1)
})

test('what was taken away while its mender was dead is excused until the mender has been back for a second', t => {
  const dead = at({ kind: 'kill', host: 'host-3', component: 'proxy', signal: 'SIGKILL' }, 9_000, 16_000)
  const flush = at({ kind: 'flush', host: 'host-3', what: 'nat' }, 10_000)
  t.is(violations([attempt(NODE_PORT, 16_500)], [dead, flush]), 0)
  t.is(violations([attempt(NODE_PORT, 16_500)], [flush]), 1)
  t.is(violations([attempt(NODE_PORT, 20_000)], [dead, flush]), 1)
  const elsewhere = at({ kind: 'kill', host: 'host-1', component: 'proxy', signal: 'SIGKILL' }, 9_000, 16_000)
  t.is(violations([attempt(NODE_PORT, 16_500)], [elsewhere, flush]), 1)
})

test('an established connection may wait for a cut to end, but nothing except the end of its pod may break it', t => {
  const cut = [at({ kind: 'cut', host: 'host-2', forMs: 2_000 }, 10_000, 12_000)]
  const line = (more: Partial<Attempt>) => attempt(POD_TO_POD, 10_500, { kind: 'line', openedMs: 0, ...more })
  t.is(violations([line({ failure: undefined, endMs: 13_000 })], cut), 0)
  t.is(violations([line({ failure: 'the connection ended' })], cut), 1)
  const died = [at({ kind: 'kill-container', pod: 'echo-2', host: 'host-2' }, 10_000, 11_000)]
  t.is(violations([line({ failure: 'the connection ended' })], died), 0)
  t.is(violations([attempt({ ...POD_TO_POD, to: [PODS[2]!] }, 10_500, { kind: 'line', openedMs: 0 })], died), 1)
})

test('an interface that goes down may break what was masqueraded through it, and nothing else', t => {
  const deleted = [at({ kind: 'delete', host: 'host-3', what: 'tunnel', choice: 0 }, 10_000)]
  const broken = (path: Path) => attempt(path, 10_200, { kind: 'line', openedMs: 0, failure: 'ECONNRESET' })
  t.is(violations([broken(NODE_PORT)], deleted), 0)
  t.is(violations([broken({ from: 'host-3', servedAt: undefined, to: [PODS[1]!] })], deleted), 1)
  t.is(violations([broken(NODE_PORT)], [at({ kind: 'delete', host: 'host-3', what: 'fdb', choice: 0 }, 10_000)]), 1)
})

test('rules that are flushed leave old connections alone, unless not one table is left that translates', t => {
  const broken = attempt(NODE_PORT, 10_100, { kind: 'line', openedMs: 0, failure: 'ECONNRESET' })
  t.is(violations([broken], [at({ kind: 'flush', host: 'host-3', what: 'nat' }, 10_000)]), 1)
  t.is(violations([broken], [at({ kind: 'flush', host: 'host-3', what: 'everything' }, 10_000)]), 0)
})

test('datagrams of a conversation that began while rules were gone are excused for good, of an older one are not', t => {
  const flush = [at({ kind: 'flush', host: 'host-1', what: 'everything' }, 10_000)]
  const bridge = [at({ kind: 'delete', host: 'host-1', what: 'bridge', choice: 0 }, 10_000)]
  t.is(violations([attempt(CLUSTER_IP, 30_000, { kind: 'datagram', openedMs: 5_000 })], flush), 1)
  t.is(violations([attempt(CLUSTER_IP, 30_000, { kind: 'datagram', openedMs: 10_500 })], bridge), 0)
})

test('an answer that nothing delays must be prompt; a time in which the clients themselves stood still accuses nobody', t => {
  const slow = attempt(CLUSTER_IP, 10_000, { failure: undefined, endMs: 14_000 })
  t.is(violations([slow], []), 1)
  t.is(judge([slow], [], [{ fromMs: 11_000, untilMs: 13_000 }]).violations.length, 0)
})

test('the verdict counts what it rests on, and a violation is told with the faults around it', t => {
  const cut = at({ kind: 'cut', host: 'host-2', forMs: 2_000 }, 10_000, 12_000)
  const { attempts, unexcused, excusedFailures, violations: found } = judge([attempt(POD_TO_POD, 11_000), attempt(POD_TO_POD, 1_000, { failure: undefined }), attempt({ ...POD_TO_POD, to: [PODS[2]!] }, 11_000)], [cut])
  t.deepEqual([attempts, unexcused, excusedFailures, found.length], [3, 2, 1, 1])
  t.regex(formatViolation(found[0]!), /^c, from 11\.00 s to 11\.01 s .*: request failed: ECONNREFUSED\n {4}10\.00 s to 12\.00 s: cut host=host-2 forMs=2000$/)
})
