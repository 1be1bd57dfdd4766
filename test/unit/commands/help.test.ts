import test from 'ava'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { commands } from '../../../src/commands/index.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')
/** `run` passes every word on to the program it runs. */
const WITHOUT_HELP = new Set(['run'])
const overview = spawnSync(process.execPath, [MAIN, 'help'], { encoding: 'utf8' }).stdout

for (const { name } of commands.filter(entry => !WITHOUT_HELP.has(entry.name))) {
  test(`weft ${name} --help tells the flags, and weft help lists the command`, t => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, name, '--help'], { encoding: 'utf8' })
    t.is(status, 0, stderr)
    t.regex(stdout, new RegExp(`^Usage: weft ${name}`))
    t.regex(overview, new RegExp(`^  ${name} +\\S`, 'm'))
  })
}

test('an unknown command is named, with the list of those there are', t => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'fly'], { encoding: 'utf8' })
  t.is(status, 2)
  t.regex(stderr, /there is no command "fly"[^]*Commands:/)
})
