import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

const LOG = join(import.meta.dirname, '..', '..', '..', 'src', 'ops', 'log.ts')

test('a process whose log lies on a full disk goes on', async t => {
  // full(4): every write fails with ENOSPC.
  const full = openSync('/dev/full', 'w')
  const script = `
    const { openLog } = await import(${JSON.stringify(LOG)})
    const log = openLog({ level: 'info' })
    for (let n = 0; n < 20_000; n += 1) log.error({ n }, 'a line that nobody can write')
    setTimeout(() => process.stdout.write('alive'), 50)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', full] })
  closeSync(full)
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  t.deepEqual([code, signal, said], [0, null, 'alive'])
})
