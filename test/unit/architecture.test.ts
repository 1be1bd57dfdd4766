// Holds the arrows between folders: every import is read from the source and judged by one table.

import test from 'ava'
import { sourceFiles, type SourceFile } from '../architecture/source-files.ts'
import { roomOf, violations } from '../architecture/rules.ts'

const files: readonly SourceFile[] = sourceFiles()

test('every import points down the layers and stays out of forbidden rooms', t => {
  t.true(files.length > 0)
  t.deepEqual(files.flatMap(violations), [])
})

test('no import cycle exists', t => {
  const graph = new Map(files.map(file => [file.path, file.imports.filter(i => !i.typeOnly).flatMap(i => (i.target === undefined ? [] : [i.target]))]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  t.deepEqual(cycles, [])
})

test('every source file lies in a known room', t => {
  t.deepEqual(files.filter(file => roomOf(file.path) === undefined).map(file => file.path), [])
})

test('the rules catch an upward arrow, a sideways arrow, impure code and a wrapped package', t => {
  const judge = (path: string, specifier: string, text = ''): readonly string[] =>
    violations({
      path,
      text,
      imports: [{ specifier, line: 1, typeOnly: false, target: specifier.startsWith('src/') ? specifier : undefined }],
    })
  t.regex(judge('src/net/a.ts', 'src/agent/b.ts').join(), /src\/net\/a\.ts:1: net may not import agent/)
  t.regex(judge('src/agent/a.ts', 'src/proxy/b.ts').join(), /agent may not import proxy/)
  t.regex(judge('src/api/a.ts', 'node:fs').join(), /api is pure/)
  t.regex(judge('src/api/a.ts', 'src/api/b.ts', 'const x = Date.now()').join(), /api is pure: Date\.now/)
  t.regex(judge('src/proxy/a.ts', 'netlink').join(), /only .* may import netlink/)
  t.deepEqual(judge('src/agent/a.ts', 'src/net/ip/prefix.ts'), [])
})
