// Writes docs/reference: every flag of every command, from the definitions that parse them, and every field of the
// configuration files. Run: weft run tools/reference/generate.ts

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { BACKEND_FIELDS, NETWORK_FIELDS, type ConfigField } from '../../src/agent/config/fields.ts'
import { commands } from '../../src/commands/index.ts'
import { effectiveConfig } from '../../src/proxy/config/effective-config.ts'
import { ALWAYS_FLAGS, CONFIG_FLAGS } from '../../src/proxy/config/flags.ts'
import { readConfig } from '../../src/proxy/config/read-config.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const FOLDER = 'docs/reference'
const NOTE = '<!-- Generated from the source: weft run tools/reference/generate.ts -->\n'

/** The pages by path below the repository. The same on every machine. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>()
  for (const { name, summary, load } of commands) {
    const command = (await load()).command().name(`weft ${name}`).description(summary)
    pages.set(`${FOLDER}/${name}.md`, `${NOTE}# weft ${name}\n\n${capital(summary)}.\n\n${commandPart(command)}${name === 'proxy' ? proxyFields() : name === 'agent' ? '\nThe network configuration: [net-conf.json](net-conf.md).\n' : ''}`)
  }
  pages.set(`${FOLDER}/net-conf.md`, netConf())
  pages.set(`${FOLDER}/README.md`, `${NOTE}# Reference\n\nEvery flag and field, from the definitions that the program itself reads.\n\n| page | about |\n| --- | --- |\n${
    commands.map(({ name, summary }) => `| [weft ${name}](${name}.md) | ${cell(summary)} |\n`).join('')}| [net-conf.json](net-conf.md) | the network configuration of the agent |\n`)
  return pages
}

function commandPart(command: Command): string {
  const words = command.registeredArguments.map(argument => ({ term: `<${argument.name()}>`, help: `${argument.description}${argument.required ? '' : ' (may be left out)'}` }))
  const shown = command.options.filter(option => !option.hidden).map(option => ({
    term: option.flags,
    help: [option.description, option.argChoices === undefined ? '' : `one of ${option.argChoices.join(', ')}`, option.mandatory ? 'required' : ''].filter(part => part !== '').join('; '),
    fallback: option.defaultValueDescription ?? textOf(option.defaultValue),
  }))
  const hidden = command.options.filter(option => option.hidden && !option.flags.includes('background')).map(option => `\`${option.long}\``)
  return [
    `\`\`\`\n${command.name()} ${command.usage()}\n\`\`\`\n`,
    words.length === 0 ? '' : `\n| argument | means |\n| --- | --- |\n${words.map(({ term, help }) => `| \`${term}\` | ${cell(help)} |\n`).join('')}`,
    shown.length === 0 ? '' : `\n| flag | means | default |\n| --- | --- | --- |\n${shown.map(({ term, help, fallback }) => `| \`${cell(term)}\` | ${cell(help)} | ${fallback === '' ? '' : cell(fallback)} |\n`).join('')}`,
    hidden.length === 0 ? '' : `\nTaken for the sake of existing command lines, without a meaning here: ${hidden.join(', ')}.\n`,
    ...command.commands.map(each => `\n## ${command.name()} ${each.name()}\n\n${capital(each.description())}.\n\n${commandPart(each.copyInheritedSettings(command).name(`${command.name()} ${each.name()}`))}`),
  ].join('')
}

function textOf(value: unknown): string {
  if (value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0)) return ''
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value)
}

/** Leaves of the configuration in force when nothing is set, with what the flags of the same meaning say of them. */
function proxyFields(): string {
  const help = new Map([...CONFIG_FLAGS, ...ALWAYS_FLAGS].flatMap(flag => flag.fields.map(field => [field, flag] as const)))
  const { apiVersion, kind, ...tree } = effectiveConfig(readConfig({})) as Record<string, unknown>
  const rows = leaves(tree).map(({ path, value }) => {
    const flag = help.get(path)
    return `| \`${path}\` | ${cell(flag?.help ?? '')} | ${flag === undefined ? '' : `\`--${flag.name}\``} | ${cell(textOf(value) || JSON.stringify(value))} |\n`
  })
  return `\n## The file of --config\n\n\`apiVersion: ${String(apiVersion)}\`, \`kind: ${String(kind)}\`: kube-proxy's file, with kube-proxy's field names. \`weft proxy --write-config-to FILE\` writes the one in force.\n\n| field | means | flag | default |\n| --- | --- | --- | --- |\n${rows.join('')}`
}

const leaves = (value: unknown, path = ''): readonly Readonly<{ path: string; value: unknown }>[] =>
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([name, each]) => leaves(each, path === '' ? name : `${path}.${name}`)) : [{ path, value }])

function netConf(): string {
  const table = (fields: readonly ConfigField[]): string =>
    `\n| member | value | default | means |\n| --- | --- | --- | --- |\n${fields.map(({ name, value, fallback, help }) => `| \`${name}\` | ${cell(value)} | ${cell(fallback)} | ${cell(help)} |\n`).join('')}`
  return `${NOTE}# net-conf.json\n\nflannel's file, in \`--net-config-path\`, in etcd under \`<prefix>/config\`, or in the ConfigMap of the manifests. Names match without regard to case.\n${table(NETWORK_FIELDS)}${
    Object.entries(BACKEND_FIELDS).map(([type, fields]) => `\n## Backend \`{"Type": "${type}"}\`\n${fields.length === 0 ? '\nNo further members.\n' : table(fields)}`).join('')}`
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

async function writePages(): Promise<void> {
  rmSync(join(ROOT, FOLDER), { recursive: true, force: true })
  for (const [path, text] of await referencePages()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), text)
  }
}

if (process.argv[1] === import.meta.filename) await writePages()
