// `weft leases`: who holds which pod subnet, and giving back what a host that is gone still holds. The flags that lead to the
// store are `weft agent`'s, and so flanneld's.

import { Argument, Command, Option } from 'commander'
import { FLAGS, type Flag } from '../agent/flags/flag-table.ts'
import { readFlags, type GivenFlags } from '../agent/flags/read-flags.ts'
import { openLeaseRegistry } from '../agent/open-parts.ts'
import { systemClock } from '../ops/clock.ts'
import { openLog } from '../ops/log.ts'
import { fromGoFlags } from './go-flags.ts'

const STORE_FLAGS: readonly Flag[] = FLAGS.filter(({ name }) => /^(?:etcd-|kube|net-config-path$)/.test(name))
const ANSWER_MS = 30_000

class StoreCommand extends Command {
  override parseAsync(argv: readonly string[], options?: Parameters<Command['parseAsync']>[1]): Promise<this> {
    return super.parseAsync(fromGoFlags(argv, name => STORE_FLAGS.some(flag => flag.name === name && flag.kind === 'boolean')), options)
  }
}

export function command(): Command {
  const leases = new StoreCommand()
    .addArgument(new Argument('<action>', 'what to do').choices(['list', 'release']))
    .argument('[lease...]', 'for release: subnets as in etcd (10.5.52.0-24), or names of Nodes')
  for (const flag of STORE_FLAGS) leases.addOption(new Option(`--${flag.name} ${flag.kind === 'boolean' ? '<bool>' : '<text>'}`, flag.help))
  return leases.action((action: 'list' | 'release', names: readonly string[]) => run(action, names, givenBy(leases)))
}

const givenBy = (leases: Command): GivenFlags =>
  Object.fromEntries(STORE_FLAGS.flatMap(({ name }) => {
    const value = leases.getOptionValue(new Option(`--${name} <v>`).attributeName()) as string | undefined
    return value === undefined ? [] : [[name, value]]
  }))

async function run(action: 'list' | 'release', names: readonly string[], given: GivenFlags): Promise<void> {
  const log = openLog({ level: 'warn' }).child({ component: 'leases' })
  const call = { signal: AbortSignal.timeout(ANSWER_MS) }
  await using registry = await openLeaseRegistry(readFlags(given, process.env).store, { log, clock: systemClock, env: process.env })
  if (action === 'release') {
    for (const name of names) {
      await registry.release(name, call)
      process.stdout.write(`released ${name}\n`)
    }
    return
  }
  const rows = (await registry.list(call)).map(({ name, subnets, publicIps, backend, host, expires, problem }) => [name, subnets, publicIps, backend, host, problem ?? expires])
  process.stdout.write(formatColumns([['LEASE', 'SUBNETS', 'PUBLIC IP', 'BACKEND', 'HOST', 'EXPIRES'], ...rows]))
}

function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row => `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ').trimEnd()}\n`).join('')
}
