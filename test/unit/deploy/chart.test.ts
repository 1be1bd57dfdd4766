// The Helm chart with its default values is deploy/weft.yml. Rendered here by the few constructs that it uses, so that a
// construct beyond them fails the test instead of passing by.

import test from 'ava'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { readManifests, type Manifest } from '../../lab/manifests.ts'

const CHART = join(import.meta.dirname, '..', '..', '..', 'deploy', 'helm', 'weft')
const DEFAULTS = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Record<string, any>

type Scope = Readonly<Record<string, unknown>>

const valueOf = (path: string, scope: Scope): any => (path === '.' ? scope['.'] : path.slice(1).split('.').reduce<any>((value, name) => value[name], scope))

function expression(text: string, scope: Scope): string {
  const [path, filter, more] = text.split('|').map(part => part.trim())
  const value = valueOf(path!, scope)
  if (more !== undefined || value === undefined) throw new Error(`cannot render ${text}`)
  if (filter === undefined) return String(value)
  if (filter === 'quote' || filter === 'toJson') return JSON.stringify(value)
  throw new Error(`there is no ${filter} here`)
}

function render(text: string, scope: Scope): string {
  const blocks = text.replace(/\s*\{\{- (range|if) (\S+) \}\}((?:(?!\{\{- (?:range|if) )[^])*?)\s*\{\{- end \}\}/g, (_, kind: string, path: string, body: string) => {
    const value = valueOf(path, scope)
    if (kind === 'if') return value === true ? body : ''
    return (value as readonly unknown[]).map(each => body.replace(/\{\{ (\. \| \w+) \}\}/g, (_found, inner: string) => expression(inner, { '.': each }))).join('')
  })
  if (blocks !== text) return render(blocks, scope)
  return text.replace(/\{\{ ([^{}]+) \}\}/g, (_, inner: string) => expression(inner, scope))
}

const chart = (values: Record<string, unknown> = {}): readonly Manifest[] =>
  globSync('templates/*.yaml', { cwd: CHART }).flatMap(path => readManifests(render(readFileSync(join(CHART, path), 'utf8'), { Values: { ...DEFAULTS, ...values }, Release: { Namespace: 'weft-system' } })))

const byName = (objects: readonly Manifest[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(objects.filter(({ kind }) => kind !== 'Namespace').map(object => [`${object.kind} ${object.metadata.name}`, object]))

/** Text of JSON in a ConfigMap is compared by what it means. */
const withParsedNetwork = (objects: Readonly<Record<string, unknown>>): unknown => JSON.parse(JSON.stringify(objects, (key, value: unknown) => (key === 'net-conf.json' ? JSON.parse(String(value)) as unknown : value)))

test('with its default values it is deploy/weft.yml', t => {
  t.deepEqual(withParsedNetwork(byName(chart())), withParsedNetwork(byName(readManifests())))
})

test('values reach the configuration, and each part can be left out', t => {
  const objects = chart({ podCIDR: '10.8.0.0/16', backend: { Type: 'vxlan', DirectRouting: true }, apiServer: '192.0.2.1:6443', proxy: { enabled: false, mode: 'nftables' }, agent: { enabled: true, extraArgs: ['--iface=eth1'] } })
  const all = byName(objects)
  t.deepEqual(Object.keys(all).filter(name => name.includes('proxy')), [])
  const { data } = all['ConfigMap weft'] as { data: Record<string, string> }
  t.deepEqual(JSON.parse(data['net-conf.json']!), { Network: '10.8.0.0/16', Backend: { Type: 'vxlan', DirectRouting: true } })
  t.regex(data['kubeconfig']!, /https:\/\/192\.0\.2\.1:6443/)
  const agent = all['DaemonSet weft-agent'] as Manifest
  t.is(agent['spec'].template.spec.containers[0].args.at(-1), '--iface=eth1')
})
