// `weft agent`: flanneld's flags and environment, and Weft's own.

import { Command, Option } from 'commander'
import { runAgent } from '../agent/agent.ts'
import { RELOAD } from '../agent/config/config-follower.ts'
import { FLAGS, type Flag } from '../agent/flags/flag-table.ts'
import { readFlags, type AgentSettings, type GivenFlags } from '../agent/flags/read-flags.ts'
import { LeaseLostError } from '../agent/leases/etcd/etcd-lease-manager.ts'
import { openAgentParts } from '../agent/open-parts.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError } from '../ops/errors.ts'
import { openLog } from '../ops/log.ts'
import { runProcess } from '../ops/process.ts'
import { Doorbell } from '../ops/wake.ts'
import { limitYoungGeneration } from '../ops/young-generation.ts'
import { fromGoFlags } from './go-flags.ts'
import { command as versionCommand } from './version.ts'

/** Exit status of wrong usage, as getopt's users have it. flanneld exits 0 here. */
const USAGE = 2
/** Another host has this host's subnet: starting again does not help. */
const LEASE_LOST = 3

/** A pass over a thousand leases makes some megabytes of garbage; without a bound the nursery grows to 128 MB and stays. */
const YOUNG_GENERATION_BYTES = 4 << 20

class AgentCommand extends Command {
  override parseAsync(argv: readonly string[], options?: Parameters<Command['parseAsync']>[1]): Promise<this> {
    const booleans = new Set<string>(FLAGS.filter(flag => flag.kind === 'boolean').map(flag => flag.name))
    return super.parseAsync(fromGoFlags(argv, name => booleans.has(name)), options)
  }
}

export function command(): Command {
  const agent = new AgentCommand().exitOverride(end => process.exit(end.exitCode === 0 ? 0 : USAGE))
  for (const flag of FLAGS) agent.addOption(optionOf(flag))
  return agent.action(() => run(givenBy(agent)))
}

/** Defaults are shown but applied later: the environment stands between the command line and them. */
function optionOf(flag: Flag): Option {
  const value = flag.kind === 'boolean' ? '<bool>' : flag.kind === 'integer' ? '<number>' : flag.kind === 'list' ? '<value>' : '<text>'
  const shown = flag.fallback === '' ? '' : ` (default: ${flag.fallback})`
  const option = named(flag, value, `${flag.help}${shown}`)
  return flag.kind === 'list' ? option.argParser((text: string, before: readonly string[] = []) => [...before, text]) : option
}

/** commander takes "--no-x" as the negation of "--x"; here it is a name like any other. */
function named(flag: Flag, value: string, help: string): Option {
  const option = new Option(`--${flag.name} ${value}`, help)
  option.negate = false
  return option
}

function givenBy(agent: Command): GivenFlags {
  return Object.fromEntries(FLAGS.flatMap(flag => {
    const value = agent.getOptionValue(named(flag, '<v>', '').attributeName()) as string | readonly string[] | undefined
    return value === undefined ? [] : [[flag.name, value]]
  }))
}

async function run(given: GivenFlags): Promise<void> {
  let settings: AgentSettings
  try {
    settings = readFlags(given, process.env)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    process.stderr.write(`weft agent: ${error.message}\n`)
    process.exitCode = USAGE
    return
  }
  if (settings.version) return void (await versionCommand().parseAsync([], { from: 'user' }))
  const log = openLog({ level: settings.debug ? 'debug' : 'info' }).child({ component: 'agent' })
  limitYoungGeneration(YOUNG_GENERATION_BYTES)
  await runProcess(log, async signal => {
    try {
      const reload = new Doorbell()
      process.on('SIGHUP', () => reload.ring(RELOAD))
      const parts = await openAgentParts(settings, { reload, log, clock: systemClock, env: process.env })
      if (settings.cleanup) {
        const { cleanUp } = await import('../agent/cleanup.ts')
        await cleanUp(parts, { signal })
      } else await runAgent(parts, { signal })
    } catch (err) {
      if (!(err instanceof LeaseLostError)) throw err
      log.fatal({ err }, 'the lease of this host is lost')
      process.exitCode = LEASE_LOST
    }
  })
}
