import test from 'ava'
import { formatEventLine } from '../../../../src/cluster/console/event-line.ts'
import { isReadyLine, readLogLine, type DaemonEvent } from '../../../../src/cluster/supervisor/daemon.ts'

const TIME = new Date('2026-01-02T03:04:05.678Z')
const format = (event: DaemonEvent): string | undefined => formatEventLine(TIME, { host: 'host-2', component: 'agent' }, event)
const logged = (text: string): string | undefined => format({ kind: 'log', line: readLogLine(text) })

test('a log line becomes a sentence with its fields, without those that every line has', t => {
  t.is(
    logged('{"level":"info","time":"x","component":"agent","node":"host-2","destination":"10.244.1.0/24","msg":"route repaired"}'),
    '03:04:05 host-2 agent: route repaired (destination=10.244.1.0/24)\n',
  )
})

test('a container id is shown as runtimes show it', t => {
  t.is(logged(JSON.stringify({ level: 'info', containerId: '0123456789abcdef'.repeat(4), msg: 'served' })), '03:04:05 host-2 agent: served (containerId=0123456789ab)\n')
})

test('warnings and errors are marked, and an error shows its message', t => {
  t.is(logged('{"level":"warn","err":{"type":"X","message":"no route","stack":"…"},"msg":"lost"}'), '03:04:05 host-2 agent: WARN lost (err="no route")\n')
  t.regex(logged('TypeError: x is not a function')!, /ERROR TypeError: x is not a function/)
})

test('passes and readiness, which has an event of its own, are not shown as log lines', t => {
  t.is(logged('{"level":"debug","msg":"pass"}'), undefined)
  t.is(logged('{"level":"info","msg":"ready"}'), undefined)
  t.is(format({ kind: 'ready' }), '03:04:05 host-2 agent: ready\n')
})

test('ends say why and when the daemon starts again', t => {
  t.is(format({ kind: 'exited', reason: 'SIGKILL', restartInMs: 100 }), '03:04:05 host-2 agent: ended by SIGKILL; starts again in 0.1 s\n')
})

test('readiness is what a daemon logs, not what happens to stand in the stream', t => {
  t.true(isReadyLine(readLogLine('{"level":"info","msg":"ready"}')))
  for (const text of ['ready', '{"msg":"ready"}', '{"level":"info","msg":"not ready"}', '{', '']) t.false(isReadyLine(readLogLine(text)), text)
})
