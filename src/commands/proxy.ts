// `weft proxy`: Services on this host, with kube-proxy's flags and configuration file.

import { readFileSync, watch, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { systemClock } from '../ops/clock.ts'
import { InputError, WeftError } from '../ops/errors.ts'
import { openLog, type Logger } from '../ops/log.ts'
import { runProcess } from '../ops/process.ts'
import { packageVersion } from '../ops/project.ts'
import { cleanupProxy, initOnly } from '../proxy/actions.ts'
import { effectiveConfig } from '../proxy/config/effective-config.ts'
import { ALWAYS_FLAGS, CONFIG_FLAGS, flagsToTree, type Flag } from '../proxy/config/flags.ts'
import type { ProxyConfig } from '../proxy/config/proxy-config.ts'
import { parseConfigFile, readConfig } from '../proxy/config/read-config.ts'
import { runProxy } from '../proxy/run-proxy.ts'

type Given = Readonly<Record<string, string | boolean>>

export function command(): Command {
  const program = new Command()
  program
    .option('--config <file>', 'KubeProxyConfiguration; flags that it could hold are then ignored')
    .option('--write-config-to <file>', 'write the configuration in force to a file, and end')
    .option('--cleanup', 'remove all rules of either mode, and end')
    .option('--init-only', 'do what needs full privileges (kernel settings), and end')
    .option('--healthz-port <port>', 'deprecated: port of /healthz; 0 switches it off')
    .option('--metrics-port <port>', 'deprecated: port of /metrics; 0 switches it off')
  for (const flag of [...CONFIG_FLAGS, ...ALWAYS_FLAGS]) program.option(optionText(flag), flag.help)
  return program.allowExcessArguments(false).action(async (_: unknown, self: Command) => run(givenFlags(self)))
}

/** Booleans may stand alone or carry a value. */
function optionText({ name, kind }: Flag): string {
  const short = name.length === 1 ? `-${name}, ` : ''
  return `${short}--${name} ${kind === 'boolean' ? '[true|false]' : `<${kind === 'list' ? 'a,b' : kind}>`}`
}

/** Flags as they were given, by the names they have on the command line. */
function givenFlags(self: Command): Given {
  return Object.fromEntries(self.options.flatMap(option => {
    const value: unknown = self.getOptionValue(option.attributeName())
    // pflag, which kube-proxy uses, also takes "-v=4".
    return value === undefined ? [] : [[option.name(), typeof value === 'string' ? value.replace(/^=/, '') : (value as boolean)]]
  }))
}

async function run(given: Given): Promise<void> {
  const verbosity = Number(given['v'] ?? 0)
  const log = openLog({ level: verbosity >= 4 ? 'debug' : 'info' })
  await runProcess(log, async signal => {
    if (given['cleanup'] === true) return cleanupProxy({ log, signal })
    const config = configOf(given, log)
    if (given['write-config-to'] !== undefined) return writeFileSync(String(given['write-config-to']), stringify(effectiveConfig(config)))
    if (given['init-only'] === true) return initOnly(config, log)
    const changed = new AbortController()
    using _watch = watchFile(given['config'], changed)
    await runProxy({ config, version: packageVersion(), clock: systemClock, log, signal: AbortSignal.any([signal, changed.signal]) })
    if (changed.signal.aborted) throw changed.signal.reason
  })
}

function configOf(given: Given, log: Logger): ProxyConfig {
  const path = given['config']
  if (path === undefined) return readConfig(withPorts(flagsToTree([...CONFIG_FLAGS, ...ALWAYS_FLAGS], given), given))
  const { tree, warnings } = parseConfigFile(readText(String(path)), String(path))
  for (const warning of warnings) log.warn({ file: path, reason: warning }, 'part of the configuration is ignored')
  return readConfig(flagsToTree(ALWAYS_FLAGS, given, tree))
}

/** The deprecated port flags change the port and leave the address. */
function withPorts(tree: Record<string, unknown>, given: Given): Record<string, unknown> {
  for (const [flag, field, fallback] of [['healthz-port', 'healthzBindAddress', '0.0.0.0'], ['metrics-port', 'metricsBindAddress', '127.0.0.1']] as const) {
    if (given[flag] === undefined || tree[field] !== undefined) continue
    tree[field] = `${fallback}:${given[flag]}`
  }
  return tree
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new InputError('--config', path, 'cannot be read', { cause })
  }
}

/** A changed file ends the process, so that whoever keeps it running starts it with the new content. */
function watchFile(path: string | boolean | undefined, changed: AbortController): Disposable {
  if (path === undefined) return { [Symbol.dispose]: () => undefined }
  const file = String(path)
  const before = readText(file)
  // The folder is watched, since editors and kubelets replace files instead of writing into them.
  const watcher = watch(dirname(file), (_, name) => {
    if (name !== null && name !== basename(file) && !name.startsWith('..')) return
    let now: string | undefined
    try {
      now = readFileSync(file, 'utf8')
    } catch {
      return // between removal and replacement
    }
    if (now !== before) changed.abort(new WeftError('PROXY_CONFIG_CHANGED', `${file} changed; the proxy has to be restarted`, { file }))
  })
  return { [Symbol.dispose]: () => watcher.close() }
}

