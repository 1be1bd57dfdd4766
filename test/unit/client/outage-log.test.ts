import test from 'ava'
import { ApiError, TransportError } from '../../../src/client/errors.ts'
import { OutageLog } from '../../../src/client/outage-log.ts'
import { systemClock, type Clock } from '../../../src/ops/clock.ts'
import { silentLog } from '../../../src/ops/log.ts'

function setup() {
  const lines: string[] = []
  let now = 0
  const log = Object.assign(Object.create(silentLog()) as ReturnType<typeof silentLog>, {
    warn: (_: unknown, message: string) => lines.push(`warn ${message}`),
    info: (_: unknown, message: string) => lines.push(`info ${message}`),
  })
  const clock: Clock = { ...systemClock, monotonicMs: () => now }
  return { lines, outages: new OutageLog({ log, clock, server: 's' }), pass: (ms: number) => void (now += ms) }
}

const cut = new TransportError('cut', {})
const refusal = (message: string) => new ApiError({ code: 500, message })

test('one cause that meets many subjects is one line when it begins and one when the last is over it', t => {
  const { lines, outages } = setup()
  for (const subject of ['watch pods', 'watch nodes', 'watch services']) outages.failed(subject, refusal('etcd is away'))
  outages.failed('watch pods', refusal('etcd is away'))
  outages.failed('watch leases', refusal('another thing'))
  t.deepEqual(lines, ['warn api server refuses a request', 'warn api server refuses a request'])
  t.is(outages.current().length, 4)
  for (const subject of ['watch pods', 'watch nodes', 'watch services']) outages.succeeded(subject)
  t.deepEqual(lines.slice(2), ['info api server accepts the request again'])
})

test('a lasting outage is mentioned again every ten minutes, and any answer ends it', t => {
  const { lines, outages, pass } = setup()
  for (let minute = 0; minute < 25; minute += 1) {
    outages.failed('watch pods', cut)
    pass(60_000)
  }
  outages.answered()
  outages.answered()
  t.deepEqual(lines, [...Array<string>(3).fill('warn api server unreachable'), 'info api server reachable again'])
})
