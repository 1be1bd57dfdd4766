// The command on this very machine: whatever it finds, both forms and the exit code tell the same.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { CHECKS } from '../../../src/host/doctor/report.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
const doctor = (...args: readonly string[]) => spawnSync(process.execPath, [MAIN, 'doctor', ...args], { encoding: 'utf8' })

test('weft doctor looks at everything on a host without Weft, says it in JSON, and ends with a code that scripts can use', t => {
  const { status, stdout, stderr } = doctor('--output', 'json', '--role', 'control-plane')
  const { level, findings } = JSON.parse(stdout) as { level: string; findings: readonly { check: string; level: string }[] }
  t.is(status, level === 'failure' ? 1 : 0, stderr)
  const found = new Set(findings.map(({ check }) => check))
  // These two speak up only where something is wrong, or where there is an installation.
  for (const { name } of CHECKS) if (!['node-address-inside', 'daemons'].includes(name)) t.true(found.has(name), name)
})

test('an API server that nobody runs is found away, and a wrong flag is a wrong usage', t => {
  const { status, stdout } = doctor('--server', 'https://127.0.0.1:9', '--output', 'json')
  t.is(status, 1)
  t.true((JSON.parse(stdout) as { findings: readonly { check: string; level: string }[] }).findings.some(({ check, level }) => check === 'api-server' && level === 'failure'))
  t.not(doctor('--output', 'xml').status, 0)
  t.is(doctor('--pod-cidr', 'nonsense').status, 2)
})
