import test from 'ava'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../src/ops/clock.ts'
import { kill } from '../../../src/cluster/inventory/process-table.ts'
import type { DaemonEvent, DaemonPlan } from '../../../src/cluster/supervisor/daemon.ts'
import { runDaemon } from '../../../src/cluster/supervisor/run-daemon.ts'
import { supervise } from '../../../src/cluster/supervisor/supervise.ts'

/** Supervises a script in our own namespace until the test ends; events are kept in order. */
function watchOver(t: { teardown: (fn: () => Promise<unknown>) => void }, script: string) {
  const folder = mkdtempSync(join(tmpdir(), 'weft-supervise-'))
  const main = join(folder, 'main.mjs')
  writeFileSync(main, script)
  const plan: DaemonPlan = {
    host: 'host-1', component: 'agent', netns: '/proc/self/ns/net', args: ['--flag'], env: { PATH: process.env['PATH']! }, logFile: join(folder, 'agent.log'),
  }
  const events: DaemonEvent[] = []
  const controller = new AbortController()
  const over = supervise({
    plan, clock: systemClock, random: () => 0, signal: controller.signal,
    run: one => runDaemon(one, { node: process.execPath, main }),
    onEvent: event => events.push(event),
  })
  const stop = async (): Promise<void> => {
    controller.abort()
    await over
  }
  t.teardown(async () => {
    await stop()
    rmSync(folder, { recursive: true })
  })
  return { events, stop, plan }
}

/** Waits for the `count`-th event of a kind; says what was seen instead when it does not come. */
async function nth<K extends DaemonEvent['kind']>(events: readonly DaemonEvent[], kind: K, count: number): Promise<Extract<DaemonEvent, { kind: K }>> {
  const deadlineMs = performance.now() + 20_000
  for (;;) {
    const found = events.filter(event => event.kind === kind)[count - 1]
    if (found !== undefined) return found as Extract<DaemonEvent, { kind: K }>
    if (performance.now() > deadlineMs) throw new Error(`no ${kind} number ${count}; seen: ${JSON.stringify(events)}`)
    await delay(10)
  }
}

const READY = `process.stderr.write(JSON.stringify({ level: 'info', time: 'x', component: 'agent', msg: 'ready' }) + '\\n')\n`
const STAY = 'setInterval(() => {}, 1000)\n'

test('a daemon that says ready is seen, and its lines go to its log file', async t => {
  const { events, plan } = watchOver(t, `console.log(process.argv.slice(2).join(' '))\n${READY}${STAY}`)
  await nth(events, 'ready', 1)
  t.regex(readFileSync(plan.logFile, 'utf8'), /^agent --flag\n/)
  t.deepEqual((await nth(events, 'log', 2)).line, { level: 'info', message: 'ready', structured: true, fields: { component: 'agent' } })
})

test('a killed daemon is started again, and its readiness is seen again', async t => {
  const { events } = watchOver(t, READY + STAY)
  await nth(events, 'ready', 1)
  kill((await nth(events, 'started', 1)).pid, 'SIGKILL')
  t.is((await nth(events, 'exited', 1)).reason, 'SIGKILL')
  await nth(events, 'ready', 2)
  t.not((await nth(events, 'started', 2)).pid, (await nth(events, 'started', 1)).pid)
})

test('a daemon that cannot start is tried again after waits that grow, and its last words are kept', async t => {
  const { events } = watchOver(t, "throw new Error('no such flag')")
  const waits = [await nth(events, 'exited', 1), await nth(events, 'exited', 2), await nth(events, 'exited', 3)]
  t.deepEqual(waits.map(event => event.restartInMs), [100, 200, 400])
  t.is(waits[0]!.reason, 'exit code 1')
  t.true(events.some(event => event.kind === 'log' && event.line.message.includes('no such flag')))
})

test('a daemon that cannot be started again for want of something is started when there is room again', async t => {
  const { events, plan } = watchOver(t, READY + STAY)
  await nth(events, 'ready', 1)
  // A folder where the log was: no process can be given it as its output.
  rmSync(plan.logFile)
  mkdirSync(plan.logFile)
  kill((await nth(events, 'started', 1)).pid, 'SIGKILL')
  t.regex((await nth(events, 'exited', 2)).reason, /EISDIR/)
  rmSync(plan.logFile, { recursive: true })
  await nth(events, 'started', 2)
})

test('stopping ends the daemon in order, and by force when it does not listen', async t => {
  const polite = watchOver(t, `process.on('SIGTERM', () => { console.log('bye'); process.exit() })\n${READY}${STAY}`)
  await nth(polite.events, 'ready', 1)
  await polite.stop()
  t.regex(readFileSync(polite.plan.logFile, 'utf8'), /bye/)
  const deaf = watchOver(t, `process.on('SIGTERM', () => {})\n${READY}${STAY}`)
  await nth(deaf.events, 'ready', 1)
  const { pid } = await nth(deaf.events, 'started', 1)
  await deaf.stop()
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  t.false(deaf.events.some(event => event.kind === 'exited'))
})
