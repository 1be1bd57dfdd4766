// `npm run test:chaos -- [--seed N] [--for 60s] [--hosts N] [--proxy-mode M] [--backend B] [--store lmdb|etcd]`
// Exit code 1 when a connection failed that nothing excuses, or when something did not find itself again.

import { parseArgs } from 'node:util'
import { formatViolation } from './judge/judge.ts'
import { run } from './run.ts'
import { enterOwnMounts } from './world/stage.ts'

const SHOWN = 12

const { values } = parseArgs({
  options: { seed: { type: 'string' }, for: { type: 'string', default: '60s' }, hosts: { type: 'string', default: '3' }, 'proxy-mode': { type: 'string' }, backend: { type: 'string' }, store: { type: 'string' } },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e6) : Number(values.seed)
const seconds = /^(\d+)(s|m)$/.exec(values.for)
if (!Number.isSafeInteger(seed) || seconds === null) {
  process.stderr.write('usage: npm run test:chaos -- [--seed N] [--for 60s] [--hosts 3] [--proxy-mode iptables|nftables] [--backend vxlan|host-gw] [--store lmdb|etcd]\n')
  process.exit(2)
}
// The same seed inside, also when it was drawn here.
if (values.seed === undefined) process.argv.push('--seed', String(seed))
const place = await enterOwnMounts()
if ('code' in place) process.exit(place.code)

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const { judgement, happened, problems } = await run({
  seed, say, name: place.cluster, forMs: Number(seconds[1]) * (seconds[2] === 'm' ? 60_000 : 1_000), hosts: Number(values.hosts), proxyMode: values['proxy-mode'], backend: values.backend, store: values.store,
})
for (const violation of judgement.violations.slice(0, SHOWN)) say(`\nVIOLATION ${formatViolation(violation)}`)
if (judgement.violations.length > SHOWN) say(`\n… and ${judgement.violations.length - SHOWN} more`)
for (const problem of problems) say(`\nPROBLEM ${problem}`)
say(`\n${happened.length} faults; ${judgement.attempts} attempts, of which ${judgement.unexcused} with no excuse to fail; ${judgement.excusedFailures} excused failures; ${judgement.violations.length} violations; ${problems.length} other problems`)
const right = judgement.violations.length === 0 && problems.length === 0
say(right ? `seed ${seed}: all well` : `seed ${seed}: FAILED; npm run test:chaos -- --seed ${seed} --for ${values.for} plays it again`)
process.exitCode = right ? 0 : 1
